using Microsoft.Extensions.Logging;

namespace Millrace;

/// <summary>Every message the host's part logs; event ids from 1100. Row values are in none of them; an alert's text is what it is for.</summary>
internal static partial class HostLog
{
    [LoggerMessage(1100, LogLevel.Critical, "\"{Topology}\" failed and the host stops: {Reason}")]
    public static partial void Failed(ILogger logger, string topology, string reason);

    [LoggerMessage(1101, LogLevel.Information, "\"{Topology}\" stopped.")]
    public static partial void Stopped(ILogger logger, string topology);

    [LoggerMessage(
        1102,
        LogLevel.Information,
        "The settings {Settings} changed in the configuration; they are recorded and hold for what comes from now on."
    )]
    public static partial void SettingsChanged(ILogger logger, string settings);

    [LoggerMessage(1104, LogLevel.Error, "The configuration changed and cannot be used; the settings of before hold on. {Problems}")]
    public static partial void SettingsRefused(ILogger logger, string problems);

    [LoggerMessage(1105, LogLevel.Error, "The settings changed and could not be recorded: {Reason} It is tried again in {Pause}.")]
    public static partial void SettingsNotWritten(ILogger logger, TimeSpan pause, string reason);

    [LoggerMessage(1103, LogLevel.Warning, "Alert: {Text} ({Reaction} {Key}, {Id})")]
    public static partial void Alert(ILogger logger, string text, string reaction, string key, string id);
}
