using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace.Tests.Replay;

/// <summary>
/// The logs of the notes: puts commands in as the format has them, and compares what came out with what the model says each generation decides and
/// the fences say everybody should read.
/// </summary>
/// <param name="engine">Where they are.</param>
/// <param name="partitions">How many partitions each has.</param>
/// <param name="versions">Which version of the notes each generation is.</param>
internal sealed class NoteLogs(IEngine engine, int partitions, IReadOnlyDictionary<int, int> versions)
{
    /// <summary>Appends a command: a value for a note, which is its number, or a native one.</summary>
    public static void Tell(ITransaction transaction, int partitions, string entity, int number, bool native)
    {
        var key = Encoding.UTF8.GetBytes(entity);
        var headers = new ArrayBufferWriter<byte>();
        RecordHeaders.Write(headers, Header.Id, Encoding.UTF8.GetBytes($"c{number}"));
        string value;
        if (native)
        {
            RecordHeaders.Write(headers, Header.Type, "ask"u8);
            value = """{"$type":"ask"}""";
        }
        else
        {
            RecordHeaders.Write(headers, Header.Kind, [(byte)RecordKind.Changes]);
            value = $$$"""[{"table":"notes","op":"p","key":[{{{entity}}}],"row":{"id":{{{entity}}},"value":{{{number}}}}}]""";
        }
        var target = new TopicPartition(new Topic("notes.note.commands", partitions), Slots.PartitionOf(key, partitions));
        transaction.Append(target, number, key, headers.WrittenSpan, Encoding.UTF8.GetBytes(value));
    }

    /// <summary>The commands that were told, those of an entity in order: whose, its id, and whether it is a native one.</summary>
    public static IEnumerable<(string Entity, string Id, bool Native)> Commands(IEngine engine, int partitions)
    {
        var logs = new NoteLogs(engine, partitions, new Dictionary<int, int>());
        return Enumerable
            .Range(0, partitions)
            .SelectMany(partition => logs.Read("notes.note.commands", partition))
            .Where(record => !record.Type.StartsWith("millrace.", StringComparison.Ordinal))
            .Select(record => (record.Key, record.Id, record.Type == "ask"));
    }

    /// <summary>What is wrong; null where nothing is.</summary>
    public string? Wrong(Registry registry)
    {
        for (var partition = 0; partition < partitions; partition++)
        {
            if (Wrong(registry, partition) is { } wrong)
            {
                return $"Partition {partition}: {wrong}";
            }
        }
        return null;
    }

    private string? Wrong(Registry registry, int partition)
    {
        var models = versions.ToDictionary(entry => entry.Key, entry => new NoteModel(entry.Value));
        var live = 1;
        Dictionary<string, List<string>> wanted = new() { ["events.1"] = [], ["outcomes.1"] = [] };
        foreach (var number in versions.Keys)
        {
            wanted[$"events.g{number}"] = [];
            wanted[$"outcomes.g{number}"] = [];
        }
        foreach (var (type, id, key, value) in Read("notes.note.commands", partition))
        {
            if (type == "millrace.fence")
            {
                live = JsonDocument.Parse(value).RootElement.GetProperty("generation").GetInt32();
            }
            if (type.StartsWith("millrace.", StringComparison.Ordinal))
            {
                continue;
            }
            foreach (var (number, model) in models)
            {
                var (events, outcome) =
                    type == "ask" ? model.Ask(key, id) : (model.Put(key, id, long.Parse(id[1..], CultureInfo.InvariantCulture)), null);
                var lines = events.ToList();
                List<string> answers = outcome is null ? [] : [outcome];
                if (number == live)
                {
                    wanted["events.1"].AddRange(lines);
                    wanted["outcomes.1"].AddRange(answers);
                }
                if (number != live || number != 1)
                {
                    wanted[$"events.g{number}"].AddRange(lines);
                    wanted[$"outcomes.g{number}"].AddRange(answers);
                }
            }
        }
        if (live != registry.Live)
        {
            return $"it ends with generation {live}, and {registry.Live} is live.";
        }
        var kept = registry.Deciding.Where(known => known.Number > 1 || registry.Fences > 0).Select(known => $".g{known.Number}").ToList();
        foreach (var (log, lines) in wanted.Where(log => log.Key.EndsWith(".1", StringComparison.Ordinal) || kept.Any(log.Key.EndsWith)))
        {
            if (Compare(log, lines, Messages($"notes.note.{log}", partition)) is { } wrong)
            {
                return wrong;
            }
        }
        var intents = Read("notes.each.intents", partition).Select(intent => intent.Id).ToList();
        return intents.Count == wanted["events.1"].Count && intents.Distinct().Count() == intents.Count
            ? null
            : $"{wanted["events.1"].Count} events, and {intents.Count} intents of {intents.Distinct().Count()} names follow from them.";
    }

    private static string? Compare(string log, List<string> wanted, List<string> found)
    {
        if (wanted.SequenceEqual(found))
        {
            return null;
        }
        var at = wanted.Zip(found).TakeWhile(pair => pair.First == pair.Second).Count();
        return $"{log} has {found.Count} records and should have {wanted.Count}; number {at} is {found.ElementAtOrDefault(at) ?? "missing"} and should be {wanted.ElementAtOrDefault(at) ?? "nothing"}.";
    }

    private List<string> Messages(string topic, int partition) =>
        [
            .. Read(topic, partition)
                .Where(record => !record.Type.StartsWith("millrace.", StringComparison.Ordinal))
                .Select(record => $"{record.Id} {record.Value}"),
        ];

    private IEnumerable<(string Type, string Id, string Key, string Value)> Read(string topic, int partition)
    {
        using var reader = engine.Read(new TopicPartition(new Topic(topic, partitions), partition), 0);
        while (reader.TryRead(1000, out var batch))
        {
            foreach (var record in batch.Records.ToArray())
            {
                yield return (
                    Text(new RecordHeaders(record.Headers.Span)[Header.Type]),
                    Text(new RecordHeaders(record.Headers.Span)[Header.Id]),
                    Text(record.Key.Span),
                    Text(record.Value.Span)
                );
            }
        }
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);
}
