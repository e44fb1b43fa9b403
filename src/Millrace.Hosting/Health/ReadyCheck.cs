using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Millrace;

/// <summary>Whether what can be read here is fresh: lag is measured against the source's head, never against a mark of our own.</summary>
internal sealed class ReadyCheck(MillraceService service, MillraceHealthOptions options) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
            service.Status is { } status ? Of(status, options) : HealthCheckResult.Unhealthy("The application has not started.")
        );

    public static HealthCheckResult Of(RuntimeStatus status, MillraceHealthOptions options)
    {
        var problems = new List<string>();
        foreach (var source in status.Sources)
        {
            if (source.Fault is { } fault)
            {
                problems.Add($"The source {source.Name} has stopped: {fault}");
            }
            else if (source.Status is not { Connected: true } now)
            {
                problems.Add($"The source {source.Name} is not connected{(source.Status?.Problem is { } problem ? $": {problem}" : ".")}");
            }
            else if (now.LagMicroseconds is not { } lag)
            {
                problems.Add($"The source {source.Name} does not know how far behind it is.");
            }
            else if (lag > options.MaxLag.TotalMicroseconds)
            {
                problems.Add(
                    $"The source {source.Name} is {lag / 1e6:0.#} s behind the server's head; the limit is {options.MaxLag.TotalSeconds:0.#} s."
                );
            }
            else if (!options.ReadyDuringSnapshot && now.Snapshots.Count > 0)
            {
                problems.Add($"The source {source.Name} is taking a snapshot of {string.Join(", ", now.Snapshots.Select(s => s.Table))}.");
            }
        }
        return problems.Count == 0 ? HealthCheckResult.Healthy(Moving(status)) : HealthCheckResult.Unhealthy(string.Join(' ', problems));
    }

    /// <summary>What is said of partitions that were added: the others go on, so it is no reason to be left out.</summary>
    private static string? Moving(RuntimeStatus status)
    {
        List<string> moving = [.. status.Partitions.Where(of => of.Moving).Select(of => $"{of.Aggregate}[{of.Partition}]")];
        return moving.Count == 0 ? null : $"Partitions that were added wait for their entities: {string.Join(", ", moving)}.";
    }
}
