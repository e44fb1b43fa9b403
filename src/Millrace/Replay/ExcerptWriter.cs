using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Writes what a replay of some entities needs to a file: their commands from the first one on, the runtime's own records between them, and what is
/// recorded of their decisions. The values of named members are masked.
/// </summary>
internal sealed class ExcerptWriter(ReplayRun run, ReplaySelection selection, ExcerptMask mask, IReadOnlyList<string> masked)
{
    /// <summary>How many commands there were, and how many records of what followed.</summary>
    public (long Commands, long Recorded) Written { get; private set; }

    public void Write(Stream file)
    {
        var head = new ExcerptHead(
            ExcerptHead.FormatNow,
            run.Application.Topology.Name,
            run.Recorded,
            selection.Since == long.MinValue ? null : selection.Since,
            selection.Until == long.MaxValue ? null : selection.Until,
            masked
        );
        JsonSerializer.Serialize(file, head, ExcerptJson.Default.ExcerptHead);
        file.WriteByte((byte)'\n');
        foreach (var aggregate in run.Aggregates)
        {
            if (Entities(aggregate) is not { } chosen)
            {
                continue;
            }
            for (var partition = 0; partition < run.Application.Partitions; partition++)
            {
                Write(file, aggregate, partition, chosen.Keys);
            }
        }
    }

    private void Write(Stream file, AggregateDefinition aggregate, int partition, WantedKeys? wanted)
    {
        var application = run.Application;
        var commands = new TopicPartition(application.Commands(aggregate), partition);
        var count = Copy(
            file,
            commands,
            aggregate.Name,
            run.Decided(aggregate, partition),
            (in Record record, in RecordNames names) => names.IsControl || (Wants(record) && record.Time < selection.Until)
        );
        var recorded = 0L;
        foreach (var log in (Topic[])[application.Events(aggregate), application.Outcomes(aggregate)])
        {
            recorded += Copy(
                file,
                new TopicPartition(log, partition),
                aggregate.Name,
                long.MaxValue,
                (in Record record, in RecordNames names) =>
                    names.IsControl ? names.Type.SequenceEqual(Controls.Code) : Wants(record) && record.Time < selection.Until
            );
        }
        foreach (
            var reaction in application.Topology.Reactions.Where(reaction =>
                reaction.Aggregate.Name == aggregate.Name && reaction.KeyedByType is null
            )
        )
        {
            recorded += Copy(
                file,
                new TopicPartition(application.Intents(reaction), partition),
                reaction.Name,
                long.MaxValue,
                (in Record record, in RecordNames names) => !names.IsControl && Wants(record) && record.Time < selection.Until
            );
        }
        Written = (Written.Commands + count, Written.Recorded + recorded);

        bool Wants(in Record record) => wanted is null || wanted.Has(record.Key.Span);
    }

    private delegate bool Wanted(in Record record, in RecordNames names);

    private long Copy(Stream file, TopicPartition source, string of, long end, Wanted wanted)
    {
        var count = 0L;
        using var cursor = new RecordedCursor(run.Engine, source);
        for (; cursor.HasHead && cursor.Head.Offset < end; cursor.Advance())
        {
            ref readonly var record = ref cursor.Head;
            var names = new RecordNames(record.Headers.Span);
            ReadOnlyMemory<byte> value = record.Value;
            if (wanted(record, names) && (names.IsControl || run.Seals is null || run.Seals.TryRead(of, record, out value)))
            {
                Line(file, source, record, mask.Apply(value));
                count += names.IsControl ? 0 : 1;
            }
        }
        return count;
    }

    private static void Line(Stream file, TopicPartition source, in Record record, ReadOnlyMemory<byte> value)
    {
        using (
            var json = new Utf8JsonWriter(
                file,
                new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true }
            )
        )
        {
            json.WriteStartObject();
            json.WriteString("log", source.Topic.Name);
            json.WriteNumber("partition", source.Partition);
            json.WriteNumber("offset", record.Offset);
            json.WriteNumber("time", record.Time);
            if (!record.Key.IsEmpty)
            {
                json.WriteString("key", record.Key.Span);
            }
            json.WriteStartObject("headers");
            foreach (var (name, text) in ExcerptHeaders.Read(record.Headers.Span))
            {
                json.WriteString(name, text);
            }
            json.WriteEndObject();
            if (!value.IsEmpty)
            {
                json.WritePropertyName("value");
                json.WriteRawValue(value.Span, skipInputValidation: true);
            }
            json.WriteEndObject();
        }
        file.WriteByte((byte)'\n');
    }

    /// <summary>The entities of an aggregate that are written; null where there are none of it. Without keys it is all of them.</summary>
    private Chosen? Entities(AggregateDefinition aggregate)
    {
        if (selection.Entities.Count > 0)
        {
            var ids = selection.Entities.Where(entity => entity.Aggregate == aggregate.Name).Select(entity => entity.Id).ToList();
            return ids.Count == 0 ? null : new Chosen(new WantedKeys(ids.Select(Encoding.UTF8.GetBytes)));
        }
        if (selection.Sample > 0)
        {
            return new Chosen(EntitySample.Of(run, aggregate, selection.Sample));
        }
        return selection.Since == long.MinValue && selection.Until == long.MaxValue ? new Chosen(null) : new Chosen(Active(aggregate));
    }

    /// <summary>The entities with a command in the time that is asked for.</summary>
    private WantedKeys Active(AggregateDefinition aggregate)
    {
        var keys = new HashSet<byte[]>(BytesComparer.Instance);
        for (var partition = 0; partition < run.Application.Partitions; partition++)
        {
            using var cursor = new RecordedCursor(run.Engine, new TopicPartition(run.Application.Commands(aggregate), partition));
            for (; cursor.HasHead; cursor.Advance())
            {
                if (selection.Includes(cursor.Head.Time) && new RecordHeaders(cursor.Head.Headers.Span).Kind != RecordKind.Control)
                {
                    keys.Add(cursor.Head.Key.ToArray());
                }
            }
        }
        return new WantedKeys(keys);
    }

    private sealed record Chosen(WantedKeys? Keys);
}
