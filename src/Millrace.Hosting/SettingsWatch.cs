using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Follows the configuration while the application runs: settings that changed become records in the logs. What cannot be read changes nothing, and
/// is said.
/// </summary>
internal sealed class SettingsWatch(
    IConfiguration configuration,
    SettingsReader reader,
    Runtime runtime,
    TimeProvider clock,
    ILogger<SettingsWatch> logger
)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var changed = new AsyncPulse();
        using var subscription = ChangeToken.OnChange(configuration.GetReloadToken, changed.Pulse);
        while (!cancellation.IsCancellationRequested)
        {
            // Taken before it is read, so that no change falls between.
            var next = changed.Next;
            await WriteAsync(cancellation);
            await next.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WriteAsync(CancellationToken cancellation)
    {
        for (var pause = FirstPause; !cancellation.IsCancellationRequested; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            var problems = new List<string>();
            var settings = reader.Read(problems);
            if (problems.Count > 0)
            {
                HostLog.SettingsRefused(logger, string.Join(' ', problems));
                return;
            }
            try
            {
                foreach (var name in await runtime.ChangeSettingsAsync(settings, cancellation))
                {
                    HostLog.SettingsChanged(logger, name);
                }
                return;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (EngineException e)
            {
                // Another process may have written them meanwhile: the next try will find so.
                HostLog.SettingsNotWritten(logger, pause, e.Message);
                await Task.Delay(pause, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
