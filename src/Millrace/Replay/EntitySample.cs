using System.IO.Hashing;
using Millrace.Engines;

namespace Millrace;

/// <summary>Chooses entities by their keys' hashes, so that the same log always gives the same ones, whatever else is in it.</summary>
internal static class EntitySample
{
    public static WantedKeys Of(ReplayRun run, AggregateDefinition aggregate, int count)
    {
        var chosen = new Dictionary<ulong, byte[]>();
        var hashes = new SortedSet<ulong>();
        for (var partition = 0; partition < run.Application.Partitions; partition++)
        {
            var source = new TopicPartition(run.Application.Commands(aggregate), partition);
            var end = run.Decided(aggregate, partition);
            using var cursor = new RecordedCursor(run.Engine, source);
            for (; cursor.HasHead && cursor.Head.Offset < end; cursor.Advance())
            {
                ref readonly var record = ref cursor.Head;
                var hash = XxHash3.HashToUInt64(record.Key.Span);
                if (
                    (chosen.Count == count && hash >= hashes.Max)
                    || chosen.ContainsKey(hash)
                    || new RecordHeaders(record.Headers.Span).Kind == RecordKind.Control
                )
                {
                    continue;
                }
                chosen.Add(hash, record.Key.ToArray());
                hashes.Add(hash);
                if (chosen.Count > count)
                {
                    chosen.Remove(hashes.Max);
                    hashes.Remove(hashes.Max);
                }
            }
        }
        return new WantedKeys(chosen.Values);
    }
}
