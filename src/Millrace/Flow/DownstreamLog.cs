using Microsoft.Extensions.Logging;

namespace Millrace;

/// <summary>What the stages below the event log say.</summary>
internal static partial class DownstreamLog
{
    [LoggerMessage(
        EventId = 1101,
        Level = LogLevel.Error,
        Message = "The reaction {Reaction} threw on an event of key {Key}. The key is parked: other keys go on. Mend the code, then retry or skip it."
    )]
    public static partial void KeyParked(ILogger logger, string reaction, string key, Exception exception);

    [LoggerMessage(
        EventId = 1102,
        Level = LogLevel.Error,
        Message = "The view {View} threw on an event of key {Key}. The key is parked: other keys go on. Mend the code, then retry or skip it."
    )]
    public static partial void DocumentParked(ILogger logger, string view, string key, Exception exception);

    [LoggerMessage(
        EventId = 1103,
        Level = LogLevel.Error,
        Message = "The key function of {Name} threw on an event of entity {Entity}. The entity is parked there: others go on. Mend the code, then retry or skip it."
    )]
    public static partial void RouteParked(ILogger logger, string name, string entity, Exception exception);

    /// <summary>An operator retried or skipped what is parked here.</summary>
    public static void Operated(ILogger logger, string name, ReadOnlySpan<byte> key, in Deed deed)
    {
        if (deed.Skips)
        {
            Skipped(logger, name, System.Text.Encoding.UTF8.GetString(key), deed.Record.By ?? "somebody", deed.Record.Reason);
        }
    }

    [LoggerMessage(
        EventId = 1107,
        Level = LogLevel.Warning,
        Message = "{Reaction}: {Count} executors do not look at their cancellation token and are still at it after {Waited}; they are left alone, and their intents tried again with the same id."
    )]
    public static partial void StillAtIt(ILogger logger, string reaction, int count, TimeSpan waited);

    [LoggerMessage(EventId = 1104, Level = LogLevel.Warning, Message = "{Name}: what {Key} was parked at was skipped by {By}: {Reason}")]
    private static partial void Skipped(ILogger logger, string name, string key, string by, string reason);

    [LoggerMessage(
        EventId = 1105,
        Level = LogLevel.Error,
        Message = "{Reaction}: the intent {Intent} is parked after {Tries} tries. Retry or skip it on the operator's page."
    )]
    public static partial void IntentParked(ILogger logger, string reaction, string intent, int tries, Exception exception);

    [LoggerMessage(
        EventId = 1107,
        Level = LogLevel.Information,
        Message = "{Reaction}: the intent {Intent} is of an entity that was erased, and is not carried out."
    )]
    public static partial void IntentErased(ILogger logger, string reaction, string intent);

    [LoggerMessage(
        EventId = 1106,
        Level = LogLevel.Warning,
        Message = "{Reaction}: the command it sent to {Aggregate} {Entity} was rejected: {Reason}"
    )]
    public static partial void CommandRejected(ILogger logger, string reaction, string aggregate, string entity, string reason);
}
