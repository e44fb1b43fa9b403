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
    public long Heartbeat;
}
