namespace Millrace;

/// <summary>The time of records (microseconds since 1970-01-01T00:00:00Z) and the time of user code.</summary>
internal static class Microseconds
{
    public static DateTimeOffset ToTime(long microseconds) =>
        DateTimeOffset.UnixEpoch.AddTicks(
            Math.Clamp(microseconds, Of(DateTimeOffset.MinValue), Of(DateTimeOffset.MaxValue)) * TimeSpan.TicksPerMicrosecond
        );

    public static long Of(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / TimeSpan.TicksPerMicrosecond;

    public static long Of(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;
}
