using Microsoft.Extensions.Logging;

namespace Millrace.MySql.Capture;

/// <summary>What a source logs. Row values are in none of it.</summary>
internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Information, "{Source} reads the binlog of {Server} from {Position}.")]
    public static partial void Connected(ILogger logger, string source, string server, string position);

    [LoggerMessage(1101, LogLevel.Warning, "{Source} lost its connection and connects again in {Pause}: {Reason}")]
    public static partial void Reconnects(ILogger logger, string source, TimeSpan pause, string reason);

    [LoggerMessage(1102, LogLevel.Warning, "{Source} begins epoch {Epoch} with a snapshot of every table: {Reason}")]
    public static partial void EpochBegins(ILogger logger, string source, int epoch, string reason);

    [LoggerMessage(1103, LogLevel.Information, "{Source} begins a snapshot of {Table}.")]
    public static partial void SnapshotBegan(ILogger logger, string source, string table);

    [LoggerMessage(1104, LogLevel.Information, "{Source} has shown all {Rows} rows of {Table}.")]
    public static partial void SnapshotEnded(ILogger logger, string source, string table, long rows);

    [LoggerMessage(1105, LogLevel.Warning, "{Source} reads {Table} anew: {Reason}")]
    public static partial void TableIsResynchronized(ILogger logger, string source, string table, string reason);

    [LoggerMessage(
        1106,
        LogLevel.Error,
        "{Source}: the server says at {Position} that its log misses something ({Message}); every table is read anew."
    )]
    public static partial void ServerLostEvents(ILogger logger, string source, string position, string message);

    [LoggerMessage(1107, LogLevel.Warning, "{Source} follows another server from now on, {Server}, which has all that was read before.")]
    public static partial void FollowsAnotherServer(ILogger logger, string source, string server);
}
