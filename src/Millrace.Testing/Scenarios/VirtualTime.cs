namespace Millrace.Testing;

/// <summary>A clock that moves when it is told to.</summary>
internal sealed class VirtualTime(DateTimeOffset start) : TimeProvider
{
    public DateTimeOffset Now { get; private set; } = start;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Now;

    public override long GetTimestamp() => Now.UtcTicks;

    /// <summary>Goes on to a time; a time already past changes nothing.</summary>
    public void GoTo(DateTimeOffset time) => Now = time > Now ? time : Now;
}
