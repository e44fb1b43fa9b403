using Microsoft.Extensions.Logging;

namespace Millrace;

/// <summary>Every message the runtime logs. Row values are in none of them.</summary>
internal static partial class Log
{
    [LoggerMessage(
        1000,
        LogLevel.Error,
        "{Aggregate} {Entity} is parked: command {Command} failed. Its later commands queue; retry or skip it on the operator's page."
    )]
    public static partial void EntityParked(ILogger logger, string aggregate, string entity, string command, Exception failure);

    [LoggerMessage(1001, LogLevel.Error, "The decision on {Name} for {Aggregate} {Entity} threw; the command was rejected.")]
    public static partial void CommandFailed(ILogger logger, string aggregate, string entity, string name, Exception failure);

    [LoggerMessage(1002, LogLevel.Error, "Partition {Partition} of {Group} failed and starts again from its last commit.")]
    public static partial void ProcessorFaulted(ILogger logger, string group, int partition, Exception failure);

    [LoggerMessage(1003, LogLevel.Error, "The source {Source} stopped: {Reason} It is started again in {Pause}.")]
    public static partial void SourceStopped(ILogger logger, string source, string reason, TimeSpan pause, Exception failure);

    [LoggerMessage(
        1005,
        LogLevel.Warning,
        "{Aggregate}, partition {Partition}: dropped {Rows} rows of {Entities} entities whose root does not exist, now that every table was shown whole; the first is {Entity}."
    )]
    public static partial void OrphansDropped(ILogger logger, string aggregate, int partition, long rows, long entities, string entity);

    [LoggerMessage(1006, LogLevel.Warning, "{Aggregate} {Entity} was erased: {Reason}")]
    public static partial void Erased(ILogger logger, string aggregate, string entity, string reason);

    [LoggerMessage(1004, LogLevel.Information, "Started {Topology}: {Partitions} partitions, {Groups} groups.")]
    public static partial void Started(ILogger logger, string topology, int partitions, int groups);

    [LoggerMessage(
        1007,
        LogLevel.Error,
        "Generation {Generation} is not live, and {Group} stopped: {Reason} It is started again in {Pause}; the live generation is untouched."
    )]
    public static partial void GenerationStopped(
        ILogger logger,
        int generation,
        string group,
        string reason,
        TimeSpan pause,
        Exception failure
    );

    [LoggerMessage(1008, LogLevel.Warning, "Generation {Generation}: {What} by {By}. {Reason}")]
    public static partial void GenerationMoved(ILogger logger, int generation, string what, string by, string reason);

    [LoggerMessage(1009, LogLevel.Warning, "Which generations there are cannot be read: {Reason} It is tried again in {Pause}.")]
    public static partial void GenerationsUnknown(ILogger logger, string reason, TimeSpan pause);

    [LoggerMessage(1010, LogLevel.Information, "The command logs of {Topology} have {Partitions} partitions from epoch {Epoch} on.")]
    public static partial void Grown(ILogger logger, string topology, int partitions, int epoch);
}
