using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Millrace.Kafka;

/// <summary>Every message the Kafka engine logs; event ids from 1300. No keys or values are in them.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1300, LogLevel.Debug, "{Client}: {Facility} {Message}")]
    public static partial void Client(ILogger log, string client, string facility, string message);

    [LoggerMessage(1301, LogLevel.Warning, "{Client}: {Code}: {Reason}")]
    public static partial void Connection(ILogger log, string client, ErrorCode code, string reason);

    [LoggerMessage(1302, LogLevel.Information, "{Group} takes the partitions {Partitions}.")]
    public static partial void Assigned(ILogger log, string group, string partitions);

    [LoggerMessage(1303, LogLevel.Information, "{Group} gives up the partitions {Partitions}.")]
    public static partial void Revoked(ILogger log, string group, string partitions);

    [LoggerMessage(
        1304,
        LogLevel.Warning,
        "{Group} has lost the partitions {Partitions}: the broker has not heard of this process in time. Another one goes on with them."
    )]
    public static partial void Lost(ILogger log, string group, string partitions);

    [LoggerMessage(1305, LogLevel.Information, "{State} of partition {Partition} is restored: {Records} records in {Seconds:0.0} s.")]
    public static partial void Restored(ILogger log, string state, int partition, long records, double seconds);

    [LoggerMessage(
        1306,
        LogLevel.Information,
        "{State} of partition {Partition} is being restored: {Records} records read, {Left} to go, {Rate:0}/s, {Seconds:0} s left."
    )]
    public static partial void Restoring(ILogger log, string state, int partition, long records, long left, double rate, double seconds);

    [LoggerMessage(1307, LogLevel.Warning, "{State} of partition {Partition} is read anew from its topic: {Reason}.")]
    public static partial void Wiped(ILogger log, string state, int partition, string reason);

    [LoggerMessage(1308, LogLevel.Warning, "A transaction of {Name} was not committed and is done again: {Reason}")]
    public static partial void Aborted(ILogger log, string name, string reason);

    [LoggerMessage(1309, LogLevel.Warning, "The producer of {Name} is made anew: {Reason}")]
    public static partial void Rebuilt(ILogger log, string name, string reason);

    [LoggerMessage(
        1311,
        LogLevel.Error,
        "{Group} gives up the partitions {Partitions} with a call of a processor still under way after {Seconds:0} s. What the call does is not committed; its thread's other partitions wait for it."
    )]
    public static partial void Abandoned(ILogger log, string group, string partitions, double seconds);

    [LoggerMessage(1310, LogLevel.Warning, "{Name}: {Reason}")]
    public static partial void Trouble(ILogger log, string name, string reason);
}
