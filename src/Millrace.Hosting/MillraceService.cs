using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <summary>Runs the application with the host: the start fails when it cannot work, and the host stops when it fails for good.</summary>
internal sealed class MillraceService(
    Topology topology,
    Startup startup,
    IServiceProvider services,
    StartedChecks checks,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<MillraceService> logger
) : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Runtime? _runtime;
    private Task? _run;

    /// <summary>Whether the application failed after it had started.</summary>
    public bool Failed { get; private set; }

    /// <summary>When it started, by the wall clock.</summary>
    public DateTimeOffset StartedAt { get; private set; }

    /// <summary>How it stands; null before it has started.</summary>
    public RuntimeStatus? Status => _runtime?.Status();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await startup.PrepareAsync(cancellationToken);
        var runtime = services.GetRequiredService<Runtime>();
        // Made for its instruments, which live as long as the host.
        services.GetRequiredService<Telemetry>();
        var run = runtime.RunAsync(_stop.Token);
        await Task.WhenAny(runtime.Started, run).WaitAsync(cancellationToken);
        if (run.IsFaulted)
        {
            throw Start(run.Exception.InnerException!);
        }
        StartedAt = clock.GetUtcNow();
        _runtime = runtime;
        _run = Task.WhenAll(WatchAsync(run), services.GetRequiredService<SettingsWatch>().RunAsync(_stop.Token));
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StartedAsync(CancellationToken cancellationToken) => await checks.RunAsync(cancellationToken);

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        if (_run is { } run)
        {
            await run.WaitAsync(cancellationToken);
            HostLog.Stopped(logger, topology.Name);
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _stop.Dispose();

    private async Task WatchAsync(Task run)
    {
        try
        {
            await run;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Asked to.
        }
        catch (Exception e)
        {
            Failed = true;
            Environment.ExitCode = 1;
            HostLog.Failed(logger, topology.Name, e is EngineException or SourceException ? e.Message : e.ToString());
            lifetime.StopApplication();
        }
    }

    private MillraceStartException Start(Exception cause) =>
        cause as MillraceStartException
        ?? new MillraceStartException(
            topology.Name,
            [cause is EngineException or SourceException ? cause.Message : cause.ToString()],
            cause
        );
}

/// <summary>What other packages want checked once the host has started, when it is known where it listens.</summary>
internal sealed class StartedChecks
{
    private readonly List<Func<CancellationToken, Task>> _checks = [];

    public void Add(Func<CancellationToken, Task> check) => _checks.Add(check);

    /// <exception cref="MillraceStartException">The host must not run like this.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        foreach (var check in _checks)
        {
            await check(cancellation);
        }
    }
}
