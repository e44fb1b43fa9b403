using System.Collections.Concurrent;

namespace Millrace;

/// <summary>
/// When each partition of each reaction needs time to have passed: its earliest timer, or the earliest event it keeps until every feed has
/// come past it. Written at commits, read by the ticker.
/// </summary>
internal sealed class TimerRegistry
{
    /// <summary>Nothing is due.</summary>
    public const long Never = long.MaxValue;

    private readonly ConcurrentDictionary<string, long[]> _due = new(StringComparer.Ordinal);

    /// <summary>Pulses when something became due earlier.</summary>
    public AsyncPulse Changed { get; } = new();

    public void Publish(string reaction, int partition, int partitions, long due)
    {
        var all = _due.GetOrAdd(
            reaction,
            static (_, count) =>
            {
                var none = new long[count];
                Array.Fill(none, Never);
                return none;
            },
            partitions
        );
        if (Interlocked.Exchange(ref all[partition], due) > due)
        {
            Changed.Pulse();
        }
    }

    /// <summary>The earliest time due of one partition.</summary>
    public long Due(string reaction, int partition) => _due.TryGetValue(reaction, out var all) ? Volatile.Read(ref all[partition]) : Never;

    /// <summary>The earliest time due over all partitions.</summary>
    public long Due(string reaction) => _due.TryGetValue(reaction, out var all) ? all.Min() : Never;
}
