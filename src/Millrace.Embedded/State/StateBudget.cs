namespace Millrace.Embedded.State;

/// <summary>Shares the memory for state among the tables.</summary>
internal sealed class StateBudget(long total)
{
    private readonly long _least = total == 0 ? 256 : 1 << 20;
    private int _tables;

    /// <summary>What one table may gather before it is checkpointed. It holds up to three times as much, cached reads included.</summary>
    public long TableBytes => Math.Clamp(total / (3L * Math.Max(1, Volatile.Read(ref _tables))), _least, 64 << 20);

    public void AddTable() => Interlocked.Increment(ref _tables);
}
