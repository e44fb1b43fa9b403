using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Millrace;

/// <summary>
/// Whether every loop still goes round. Lag says nothing about that: a dead loop's lag stands still, and so may look healthy.
/// </summary>
internal sealed class LiveCheck(MillraceService service, MillraceHealthOptions options) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
            service.Failed ? HealthCheckResult.Unhealthy("The application has failed; the host is stopping.")
            : service.Status is { } status ? Of(status, options, service.StartedAt)
            : HealthCheckResult.Healthy("The application is starting.")
        );

    public static HealthCheckResult Of(RuntimeStatus status, MillraceHealthOptions options, DateTimeOffset started)
    {
        // A loop that has not gone round yet has had time since the start.
        var dead = status
            .Loops.Select(loop => (Loop: loop, Age: status.At - (loop.Heartbeat > started ? loop.Heartbeat : started)))
            .Where(aged => aged.Age > options.MaxHeartbeatAge)
            .Select(aged =>
                $"{aged.Loop.Name}{(aged.Loop.Partition < 0 ? "" : $"[{aged.Loop.Partition}]")} has not gone round for {aged.Age.TotalSeconds:0} s{(aged.Loop.Fault is { } fault ? $" and threw: {fault}" : ".")}"
            )
            .ToList();
        return dead.Count == 0
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy($"{dead.Count} of {status.Loops.Count} loops do not go round. {string.Join(' ', dead.Take(5))}");
    }
}
