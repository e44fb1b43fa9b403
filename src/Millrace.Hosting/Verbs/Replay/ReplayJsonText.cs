using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Millrace;

/// <summary>A comparison as JSON for a machine, in a fixed order.</summary>
internal static class ReplayJsonText
{
    private static readonly JsonWriterOptions Indented = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Of(ReplayReport report) => Text(json => Write(json, report));

    /// <summary>An entity at one moment, with the command it came to it by.</summary>
    public static string Of(EntityAt at) =>
        Text(json =>
        {
            json.WriteStartObject();
            json.WriteString("aggregate", at.Entity.Aggregate);
            json.WriteString("entity", at.Entity.Id);
            if (at.Snapshot is { } snapshot)
            {
                json.WritePropertyName("at");
                Snapshot(json, snapshot);
            }
            if (at.Last is { } last)
            {
                json.WritePropertyName("command");
                Record(json, last);
                Records(json, "published", at.Published);
            }
            json.WriteEndObject();
        });

    private static string Text(Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Indented))
        {
            write(json);
        }
        return Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    private static void Write(Utf8JsonWriter json, ReplayReport report)
    {
        var result = report.Result;
        json.WriteStartObject();
        json.WriteString("application", report.Run.Application.Topology.Name);
        json.WriteNumber("commands", result.Commands);
        json.WriteNumber("seconds", Math.Round(result.Elapsed.TotalSeconds, 3));
        json.WriteNumber("differences", result.Tally.Differences);
        json.WriteNumber("accepted", result.Tally.Accepted);
        json.WriteStartArray("types");
        foreach (var ((log, of, type), tally) in result.Tally.Types)
        {
            json.WriteStartObject();
            json.WriteString("log", Name(log));
            json.WriteString("of", of);
            json.WriteString("type", type);
            json.WriteNumber("recorded", tally.Recorded);
            json.WriteNumber("same", tally.Same);
            json.WriteNumber("changed", tally.Of(DifferenceKind.Changed));
            json.WriteNumber("onlyBefore", tally.Of(DifferenceKind.OnlyBefore));
            json.WriteNumber("onlyAfter", tally.Of(DifferenceKind.OnlyAfter));
            json.WriteNumber("accepted", tally.Accepted);
            json.WriteStartArray("entities");
            foreach (
                var ((kind, entity), count) in tally
                    .ByEntity.OrderBy(entry => entry.Key.Entity, NaturalOrder.Instance)
                    .ThenBy(entry => entry.Key.Kind)
            )
            {
                json.WriteStartObject();
                json.WriteString("entity", entity);
                json.WriteString("difference", ReplayAcceptance.KindNames[(int)kind]);
                json.WriteNumber("count", count);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("first");
        foreach (var explained in report.Explained)
        {
            Explained(json, explained);
        }
        json.WriteEndArray();
        json.WriteStartArray("parked");
        foreach (var held in result.Parked)
        {
            json.WriteStartObject();
            json.WriteString("aggregate", held.Aggregate);
            json.WriteString("entity", held.Entity);
            json.WriteString("by", held.Live ? "live" : "this build");
            json.WriteString("command", held.Command);
            json.WriteString("reason", held.Reason);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("stale");
        foreach (var stale in report.Accepted?.Stale ?? [])
        {
            json.WriteStartObject();
            json.WriteString("of", stale.Of);
            json.WriteString("difference", stale.Difference);
            json.WriteString("type", stale.Type);
            json.WriteString("entity", stale.Entity);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("notes");
        foreach (var note in result.Notes)
        {
            json.WriteStringValue(note);
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Explained(Utf8JsonWriter json, ExplainedDifference explained)
    {
        var difference = explained.Difference;
        json.WriteStartObject();
        json.WriteString("log", Name(difference.Log));
        json.WriteString("of", difference.Of);
        json.WriteString("entity", difference.Entity);
        json.WriteString("difference", ReplayAcceptance.KindNames[(int)difference.Kind]);
        json.WriteString("type", difference.Type);
        json.WriteString("id", difference.Id);
        json.WriteString("time", Instants.Of(difference.Time));
        if (explained.Command is { } command)
        {
            json.WritePropertyName("command");
            Record(json, command);
        }
        else
        {
            json.WriteString("cause", difference.Command);
        }
        if (explained.Before is { } before)
        {
            json.WritePropertyName("before");
            Snapshot(json, before);
        }
        Records(json, "recorded", explained.Recorded);
        Records(json, "replayed", explained.Replayed);
        json.WriteEndObject();
    }

    /// <summary>An entity at one moment.</summary>
    public static void Snapshot(Utf8JsonWriter json, EntitySnapshot snapshot)
    {
        json.WriteStartObject();
        json.WriteNumber("sequence", snapshot.Sequence);
        if (snapshot.Held is { } held)
        {
            json.WriteString("held", held.Reason);
        }
        Raw(json, "state", snapshot.State);
        Raw(json, "root", snapshot.Root);
        json.WriteStartObject("rows");
        foreach (var table in snapshot.Rows.GroupBy(row => row.Table))
        {
            json.WriteStartArray(table.Key);
            foreach (var (_, row) in table)
            {
                Value(json, row);
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public static void Records(Utf8JsonWriter json, string name, IEnumerable<ShownRecord> records)
    {
        json.WriteStartArray(name);
        foreach (var record in records)
        {
            Record(json, record);
        }
        json.WriteEndArray();
    }

    public static void Record(Utf8JsonWriter json, ShownRecord record)
    {
        json.WriteStartObject();
        json.WriteString("id", record.Id);
        if (record.Type.Length > 0)
        {
            json.WriteString("type", record.Type);
        }
        json.WriteString("time", Instants.Of(record.Time));
        if (record.Offset >= 0)
        {
            json.WriteNumber("partition", record.Partition);
            json.WriteNumber("offset", record.Offset);
        }
        Raw(json, "value", record.Value);
        json.WriteEndObject();
    }

    private static void Raw(Utf8JsonWriter json, string name, string? value)
    {
        if (value is null)
        {
            json.WriteNull(name);
        }
        else
        {
            json.WritePropertyName(name);
            Value(json, value);
        }
    }

    // Through the writer, so that it is indented with the rest.
    private static void Value(Utf8JsonWriter json, string value)
    {
        using var document = JsonDocument.Parse(value);
        document.RootElement.WriteTo(json);
    }

    private static string Name(ComparedLog log) => log.ToString().ToLowerInvariant();
}
