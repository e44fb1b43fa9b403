namespace Millrace;

/// <summary>
/// A place in the order of a log's time: twice the time in microseconds, plus one when a tick has closed that time. A log's moment never goes
/// back. A record with a time takes the moment <c>2·time</c>, or the log's where that is later; a tick moves the log to <c>2·time + 1</c>, after
/// every record of its own time; a timer stands at <c>2·due + 1</c>. So one comparison says what comes first: records with time T, then timers
/// due at T, then records that come with time T after a tick of T. The order follows from the logs alone, however they are read.
/// </summary>
internal static class Moment
{
    /// <summary>Before any record.</summary>
    public const long None = long.MinValue;

    public static long AfterEvent(long reached, long time) => Math.Max(reached, 2 * Sane(time));

    public static long AfterTick(long reached, long time) => Math.Max(reached, (2 * Sane(time)) + 1);

    /// <summary>The end of all snapshots is a tick that stands after everything before it, however still time stands.</summary>
    public static long AfterSnapshots(long reached, long time) =>
        Math.Max(AfterTick(reached, time), reached == None ? None : (reached + 1) | 1);

    /// <summary>A control of another kind does not move time, but what comes after it stands after it.</summary>
    public static long AfterControl(long reached) => reached == None ? None : reached | 1;

    public static long OfTimer(long due) => (2 * Sane(due)) + 1;

    public static long TimeOf(long moment) => moment >> 1;

    /// <summary>The time of the earliest tick that goes beyond a moment.</summary>
    public static long TickBeyond(long moment) => (moment + 1) >> 1;

    // A watermark that is not known yet is the least number there is, which cannot be doubled.
    private static long Sane(long time) => Math.Clamp(time, long.MinValue / 4, long.MaxValue / 4);
}
