using System.Globalization;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// An entity's commands in the order in which they are decided: in each partition that has had it what came before the fence, for what came later was
/// passed on and stands in the next one.
/// </summary>
internal sealed class CommandHistory(Application application, LogScan scan, AggregateDefinition aggregate, byte[] key)
{
    /// <summary>The last commands; one more than the limit, at least, where there are more.</summary>
    public List<T> Read<T>(int limit, StoryPlace? before, Func<TopicPartition, Record, T> make)
    {
        var (map, slot) = (application.Map, Slots.SlotOf(key));
        // A slot never comes back to a partition that it has left.
        List<int> owners = [.. Enumerable.Range(1, map.Epoch).Select(epoch => map.OwnerOf(slot, epoch)).Distinct()];
        var newest = before is null ? owners.Count - 1 : owners.IndexOf(before.Partition);
        var commands = new List<T>();
        for (var i = newest; i >= 0 && commands.Count <= limit && !scan.Cut; i--)
        {
            var source = new TopicPartition(application.Commands(aggregate), owners[i]);
            long? to = i == newest ? before?.Offset : null;
            int? fence = i < owners.Count - 1 && to is null ? EpochAfter(map, slot, owners[i]) : null;
            commands.InsertRange(0, Of(source, to, fence, limit - commands.Count, record => make(source, record)));
        }
        return commands;
    }

    /// <param name="source">The partition.</param>
    /// <param name="before">Where to begin, exclusive; null for the end.</param>
    /// <param name="fence">The epoch with which the entity left, where that has to be looked for; null where everything is the entity's.</param>
    /// <param name="most">How many are enough.</param>
    /// <param name="make">What becomes of one.</param>
    private List<T> Of<T>(TopicPartition source, long? before, int? fence, int most, Func<Record, T> make)
    {
        var found = 0;
        var fenced = fence is null;
        var records = scan.Backwards(
            source,
            before,
            (in Record record) => IsFence(record, fence) || IsCommand(record),
            record => IsFence(record, fence) ? (IsFence: true, Made: default(T)!) : (IsFence: false, Made: make(record)),
            block =>
            {
                var at = block.TakeWhile(one => !one.IsFence).Count();
                found = at < block.Count ? at : found + block.Count;
                fenced |= at < block.Count;
                return fenced && found > most;
            }
        );
        if (!fenced && scan.Cut)
        {
            // What was passed on cannot be told from what was not.
            return [];
        }
        return [.. records.TakeWhile(one => !one.IsFence).Select(one => one.Made)];
    }

    private bool IsCommand(in Record record) =>
        record.Key.Span.SequenceEqual(key) && new RecordHeaders(record.Headers.Span).Kind != RecordKind.Control;

    private static bool IsFence(in Record record, int? epoch)
    {
        if (epoch is null || !record.Key.IsEmpty)
        {
            return false;
        }
        var headers = new RecordHeaders(record.Headers.Span);
        return headers.Kind == RecordKind.Control
            && headers[Header.Type].SequenceEqual(Controls.Grown)
            && JsonSerializer.Deserialize(record.Value.Span, MillraceJson.Default.GrownRecord)!.Partitions.Length == epoch;
    }

    private static int EpochAfter(PartitionMap map, int slot, int partition)
    {
        var epoch = map.EpochOf(partition);
        while (map.OwnerOf(slot, epoch) == partition)
        {
            epoch++;
        }
        return epoch;
    }
}

/// <summary>A command of a story: its partition and offset.</summary>
internal sealed record StoryPlace(int Partition, long Offset)
{
    /// <summary>Reads what <see cref="ToString"/> writes; null where it is something else.</summary>
    public static StoryPlace? Read(string? text) =>
        text?.Split('-') is [var partition, var offset]
        && int.TryParse(partition, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var at)
            ? new StoryPlace(number, at)
            : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Partition}-{Offset}");
}
