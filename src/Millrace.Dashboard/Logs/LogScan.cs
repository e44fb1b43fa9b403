using System.Diagnostics;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Looks for records from a log's end backwards, in blocks, until it has enough or its time is up: logs have no index by entity, and what
/// happened last is asked for most.
/// </summary>
internal sealed class LogScan(IEngine engine, TimeSpan budget)
{
    private const int Block = 20_000;
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Decides by the raw record whether it is wanted, so that others are not parsed.</summary>
    public delegate bool Wanted(in Record record);

    /// <summary>Whether there was no time left to look further back.</summary>
    public bool Cut { get; private set; }

    /// <summary>The last records that are wanted, in the log's order, each as <paramref name="make"/> makes it.</summary>
    /// <param name="source">The partition.</param>
    /// <param name="before">Where to begin, exclusive; null for the end.</param>
    /// <param name="wanted">Which.</param>
    /// <param name="make">What becomes of one.</param>
    /// <param name="enough">Told what one more block had; whether to look no further back.</param>
    public List<T> Backwards<T>(
        TopicPartition source,
        long? before,
        Wanted wanted,
        Func<Record, T> make,
        Func<IReadOnlyList<T>, bool> enough
    )
    {
        var blocks = new List<List<T>>();
        using var probe = engine.Read(source, 0);
        var to = Math.Min(before ?? long.MaxValue, probe.End);
        var done = false;
        while (to > 0 && !done)
        {
            if (Stopwatch.GetElapsedTime(_started) > budget)
            {
                Cut = true;
                break;
            }
            var from = Math.Max(0, to - Block);
            var block = new List<T>();
            using var reader = engine.Read(source, from);
            for (var next = from; next < to && reader.TryRead(1024, out var batch); )
            {
                foreach (ref readonly var record in batch.Records.Span)
                {
                    next = record.Offset + 1;
                    if (record.Offset < to && wanted(record))
                    {
                        block.Add(make(record));
                    }
                }
            }
            blocks.Add(block);
            done = enough(block);
            to = from;
        }
        blocks.Reverse();
        return [.. blocks.SelectMany(block => block)];
    }
}
