namespace Millrace;

/// <summary>How an application runs; the configuration section <c>Millrace</c>.</summary>
public sealed class MillraceOptions
{
    /// <summary>How many partitions each log has. Fixed when the logs are created.</summary>
    /// <value>The default value is 8.</value>
    public int Partitions { get; set; } = 8;

    /// <summary>How many entities a partition keeps at hand in memory.</summary>
    /// <value>The default value is 65,536.</value>
    public int CachedEntities { get; set; } = 65_536;

    /// <summary>How far ahead of now a record's time may be before it is refused (a native command) or replaced by the commit's time (a row).</summary>
    /// <value>The default value is one hour.</value>
    public TimeSpan MaxTimeAhead { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long, in event time, an idempotency key is remembered.</summary>
    /// <value>The default value is seven days.</value>
    public TimeSpan IdempotencyWindow { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many tries an intent gets before it is parked.</summary>
    /// <value>The default value is 8.</value>
    public int IntentTries { get; set; } = 8;

    /// <summary>
    /// Whether, at the source's head, time follows the wall clock. Switch it off where rows carry business times of the past (a replayed
    /// history): then time moves with the rows alone.
    /// </summary>
    /// <value>The default value is true.</value>
    public bool FollowWallClock { get; set; } = true;
}
