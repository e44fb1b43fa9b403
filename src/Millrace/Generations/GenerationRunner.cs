using Microsoft.Extensions.Logging;
using Millrace.Engines;

namespace Millrace;

/// <summary>Runs the deciders of each generation that this process has the code of, and ends those that are dropped.</summary>
internal sealed class GenerationRunner(Generations generations, IEngine engine, TimeProvider clock, ILogger log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly Dictionary<GroupsOf, (CancellationTokenSource Stop, Task Running, IReadOnlyList<ProcessorGroup> Groups)> _running = [];

    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                var changed = generations.ChangedAsync(cancellation);
                await ArrangeAsync(cancellation).ConfigureAwait(false);
                await Task.WhenAny([changed, .. _running.Values.Select(entry => entry.Running)]).ConfigureAwait(false);
                if (_running.Values.FirstOrDefault(entry => entry.Running.IsCompleted).Running is { } ended)
                {
                    // Only the live one's comes to an end by itself, and only by failing.
                    await ended.ConfigureAwait(false);
                }
                await LookAsync(cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            foreach (var (_, (stop, running, _)) in _running)
            {
                await stop.CancelAsync().ConfigureAwait(false);
                await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                stop.Dispose();
            }
        }
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Looks what there is now. An engine that does not answer is asked again: those who decide have to wait for it as well.</summary>
    private async Task LookAsync(CancellationToken cancellation)
    {
        try
        {
            if (cancellation.IsCancellationRequested)
            {
                return;
            }
            generations.Refresh();
            if (generations.Registry.Generations.Count > 1)
            {
                generations.Sample();
                await generations.ForgetDroppedAsync(cancellation).ConfigureAwait(false);
            }
        }
        catch (EngineException e)
        {
            Log.GenerationsUnknown(log, e.Message, Pause);
            await Task.Delay(Pause, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The application stops.
        }
    }

    private async Task ArrangeAsync(CancellationToken cancellation)
    {
        var wanted = generations.ByGeneration;
        // Groups that were made anew have more partitions.
        foreach (
            var gone in _running
                .Where(entry => wanted.GetValueOrDefault(entry.Key) != entry.Value.Groups)
                .Select(entry => entry.Key)
                .ToList()
        )
        {
            var (stop, running, _) = _running[gone];
            _running.Remove(gone);
            await stop.CancelAsync().ConfigureAwait(false);
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stop.Dispose();
        }
        foreach (var (key, groups) in wanted)
        {
            if (!_running.ContainsKey(key))
            {
                var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                _running.Add(key, (stop, RunAsync(key.Number, groups, stop.Token), groups));
            }
        }
    }

    private async Task RunAsync(int number, IReadOnlyList<ProcessorGroup> groups, CancellationToken stop)
    {
        await Task.WhenAll(groups.Select(group => RunAsync(number, group, stop))).ConfigureAwait(false);
    }

    private async Task RunAsync(int number, ProcessorGroup group, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await engine.RunAsync(group, stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure) when (generations.Registry.Live != number || (engine.IsShared && failure is EngineException))
            {
                // What nobody reads must not end what everybody does, nor a broker that is away what goes on by itself when it is back.
                Log.GenerationStopped(log, number, group.Name, failure.Message, Pause, failure);
                generations.Failed(number, $"{group.Name}: {failure.Message}");
                await Task.Delay(Pause, clock, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                generations.Failed(number, null);
            }
        }
    }
}
