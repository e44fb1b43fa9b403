using Microsoft.Extensions.Logging;

namespace Millrace;

/// <summary>Writes alerts to the log: what carries them out unless the application says otherwise.</summary>
/// <param name="logger">Where to.</param>
internal sealed class LogAlerts(ILogger<Alert> logger) : IExecutor<Alert>
{
    public Task ExecuteAsync(Intent<Alert> intent, CancellationToken cancellation)
    {
        HostLog.Alert(logger, intent.Value.Text, intent.Reaction, intent.Key, intent.Id);
        return Task.CompletedTask;
    }
}
