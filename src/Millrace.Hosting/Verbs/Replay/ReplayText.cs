using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Millrace;

/// <summary>A comparison as text for a person: what differs by type, whose, and the first differences with both decisions side by side.</summary>
internal static class ReplayText
{
    private const int Width = 118;
    private const int MostNamed = 12;

    public static string Of(ReplayReport report)
    {
        var (text, result) = (new StringBuilder(), report.Result);
        Line(
            text,
            $"{report.Run.Application.Topology.Name}: {result.Commands:N0} commands in {result.Elapsed.TotalSeconds:N1} s ({result.Commands / Math.Max(0.001, result.Elapsed.TotalSeconds):N0} a second)"
        );
        foreach (var note in result.Notes)
        {
            Line(text, $"  {note}");
        }
        Table(text, report);
        Entities(text, result);
        foreach (var explained in report.Explained)
        {
            Explain(text, explained);
        }
        foreach (var held in result.Parked)
        {
            Line(
                text,
                held.Live
                    ? $"\n{held.Aggregate} {held.Entity} is parked in the live application and not by this build: {held.Reason} (command {held.Command})"
                    : $"\nThis build parks {held.Aggregate} {held.Entity}: {held.Reason} (command {held.Command}). Its later commands were not decided."
            );
        }
        foreach (var stale in report.Accepted?.Stale ?? [])
        {
            Line(
                text,
                $"\nNothing meets the accepted difference {stale.Of} {stale.Difference} {stale.Type} {stale.Entity} any more: take it out."
            );
        }
        Line(text, report.ExitCode == 0 ? "\nNo differences." : $"\n{Counted(result.Tally.Differences, "difference")}.");
        return text.ToString();
    }

    private static void Table(StringBuilder text, ReplayReport report)
    {
        var rows = new List<string[]>
        {
            (string[])["", "recorded", "the same", "changed", "only before", "only after", "entities", "accepted"],
        };
        foreach (var of in report.Result.Tally.Types.GroupBy(entry => (entry.Key.Log, entry.Key.Of)))
        {
            rows.Add([of.Key.Log == ComparedLog.Answers ? $"{of.Key.Of}, answers to commands" : of.Key.Of]);
            rows.AddRange(
                of.Select(entry =>
                    (string[])
                        [
                            $"  {entry.Key.Type}",
                            Number(entry.Value.Recorded),
                            Number(entry.Value.Same),
                            .. Enum.GetValues<DifferenceKind>().Select(kind => Number(entry.Value.Of(kind))),
                            Number(entry.Value.Entities.Count),
                            Number(entry.Value.Accepted),
                        ]
                )
            );
        }
        var columns = report.Accepted is null ? rows[0].Length - 1 : rows[0].Length;
        var widths = Enumerable.Range(0, columns).Select(column => rows.Max(row => column < row.Length ? row[column].Length : 0)).ToArray();
        text.Append('\n');
        foreach (var row in rows)
        {
            var line = row[0].PadRight(widths[0]);
            for (var column = 1; column < Math.Min(columns, row.Length); column++)
            {
                line += "  " + row[column].PadLeft(widths[column]);
            }
            Line(text, line.TrimEnd());
        }
    }

    private static void Entities(StringBuilder text, ReplayResult result)
    {
        foreach (var of in result.Tally.Types.GroupBy(entry => (entry.Key.Log, entry.Key.Of)))
        {
            var entities = of.SelectMany(entry => entry.Value.Entities).Distinct().Order(NaturalOrder.Instance).ToList();
            if (entities.Count > 0)
            {
                var more = entities.Count > MostNamed ? $" and {entities.Count - MostNamed:N0} more" : "";
                var what = of.Key.Log == ComparedLog.Intents ? "keys" : "entities";
                Line(
                    text,
                    $"\n{of.Key.Of}: {Counted(entities.Count, what[..^1] == "key" ? "key" : "entitie")} differ: {string.Join(", ", entities.Take(MostNamed))}{more}"
                );
            }
        }
    }

    private static void Explain(StringBuilder text, ExplainedDifference explained)
    {
        var difference = explained.Difference;
        Line(
            text,
            $"\n{difference.Of} {difference.Entity}, {Instants.Of(difference.Time):yyyy-MM-ddTHH:mm:ss.ffffffZ}, {(difference.Log == ComparedLog.Intents ? "because of event" : "command")} {difference.Command}"
        );
        if (explained.Command is { } command)
        {
            Line(
                text,
                $"  {(command.Type.Length > 0 ? command.Type : "row changes")}, partition {command.Partition}, offset {command.Offset}"
            );
            Wrapped(text, "  command  ", command.Value ?? "(erased)");
        }
        if (difference.Log == ComparedLog.Intents)
        {
            Line(
                text,
                $"  {(difference.Kind == DifferenceKind.OnlyAfter ? "would be wanted by this build alone" : difference.Kind == DifferenceKind.OnlyBefore ? "would not be wanted by this build" : "would say something else")}: {difference.Type} {difference.Id}"
            );
            return;
        }
        Wrapped(text, "  state    ", explained.Before is null ? "(not there yet)" : explained.Before.State ?? "(initial)");
        if (explained.Before?.Root is { } root)
        {
            Wrapped(text, "  row      ", root);
        }
        var half = (Width - 5) / 2;
        text.Append('\n');
        Line(text, $"    {"recorded".PadRight(half - 2)} │   this build");
        Line(text, $"  {new string('─', half)}─┼─{new string('─', half)}");
        var left = Column(explained.Recorded, explained.Replayed, half);
        var right = Column(explained.Replayed, explained.Recorded, half);
        for (var i = 0; i < Math.Max(left.Count, right.Count); i++)
        {
            Line(text, $"  {(i < left.Count ? left[i] : "").PadRight(half)} │ {(i < right.Count ? right[i] : "")}".TrimEnd());
        }
    }

    /// <summary>Each record with a line a member; a star stands where the other side says something else.</summary>
    private static List<string> Column(IReadOnlyList<ShownRecord> records, IReadOnlyList<ShownRecord> others, int width)
    {
        var lines = new List<string>();
        if (records.Count == 0)
        {
            lines.Add("  (nothing)");
        }
        foreach (var record in records)
        {
            var other = others.FirstOrDefault(other => other.Id == record.Id && other.Type == record.Type);
            lines.Add($"{(other is null ? '*' : ' ')} {(record.Type.Length > 0 ? record.Type : "answer")}");
            var (members, theirs) = (Members(record), other is null ? [] : Members(other));
            foreach (var (name, value) in members)
            {
                var same = other is null || theirs.Any(member => member.Name == name && member.Value == value);
                lines.AddRange(Chunks($"{(same ? ' ' : '*')}   {name} {value}", width, "      "));
            }
        }
        return lines;
    }

    private static List<(string Name, string Value)> Members(ShownRecord record)
    {
        if (record.Value is null)
        {
            return [("", "(erased)")];
        }
        using var document = JsonDocument.Parse(record.Value);
        return document.RootElement.ValueKind == JsonValueKind.Object
            ?
            [
                .. document
                    .RootElement.EnumerateObject()
                    .Where(member => member.Name != "$type")
                    .Select(member => (member.Name, member.Value.GetRawText())),
            ]
            : [("", record.Value)];
    }

    private static void Wrapped(StringBuilder text, string title, string value)
    {
        var lines = Chunks(title + value, Width, new string(' ', title.Length));
        foreach (var line in lines)
        {
            Line(text, line);
        }
    }

    private static IEnumerable<string> Chunks(string text, int width, string indent)
    {
        for (var line = text; ; line = indent + line[width..])
        {
            if (line.Length <= width)
            {
                yield return line;
                yield break;
            }
            yield return line[..width];
        }
    }

    private static string Counted(long count, string what) =>
        count == 1 ? $"1 {(what == "entitie" ? "entity" : what)}" : string.Create(CultureInfo.InvariantCulture, $"{count:N0} {what}s");

    private static string Number(long number) => number == 0 ? "-" : number.ToString("N0", CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => Line(text, FormattableString.Invariant(line));

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}

/// <summary>Numbers by value, before everything else by text.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static readonly NaturalOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        var (isNumber, isOther) = (long.TryParse(x, out var number), long.TryParse(y, out var other));
        return isNumber && isOther ? number.CompareTo(other)
            : isNumber != isOther ? (isNumber ? -1 : 1)
            : string.CompareOrdinal(x, y);
    }
}
