namespace Millrace;

/// <summary>What one deciding partition has done since it started, read by pages and metrics while it goes on.</summary>
internal sealed class DeciderCounters
{
    public long Commands;
    public long Events;
    public long Rejected;

    /// <summary>Changes whose row was the mirror's.</summary>
    public long Same;

    /// <summary>Commands at or below the highest position applied.</summary>
    public long Repeated;
    public long Failed;

    /// <summary>Commands that came after their entity had left for another partition, and were passed on.</summary>
    public long Forwarded;

    /// <summary>Rows that wait for their root.</summary>
    public long Waiting;

    /// <summary>Rows dropped because their root does not exist.</summary>
    public long Dropped;

    /// <summary>The partition's time, in microseconds; <see cref="long.MinValue"/> before the first record.</summary>
    public long Time = long.MinValue;

    /// <summary>When the loop last went round, by the wall clock, in microseconds.</summary>
    public long Heartbeat;
}
