using Millrace.Engines;
using Millrace.Kafka.Clients;

namespace Millrace.Kafka.Appending;

/// <summary>Has something done by one process at a time: the owner of the one partition of the appender's state.</summary>
internal sealed class Owner(KafkaEngine engine, string name, Func<CancellationToken, Task> work) : IMember, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private CancellationTokenSource? _stop;
    private Task _running = Task.CompletedTask;
    private TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Membership? _membership;

    /// <summary>Works whenever this process is the owner, until cancelled or the work ends.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        await engine.Topics.CreateStateAsync(name, 1).ConfigureAwait(false);
        using var membership = new Membership(engine.Clients, $"{name}.owner", 0, Topics.StateTopic(name), this);
        _membership = membership;
        membership.Start();
        await _ended.Task.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Leaves the group, which stops the work through Revoked.
        await Task.Run(membership.Dispose, CancellationToken.None).ConfigureAwait(false);
        if (_running.IsCompleted)
        {
            engine.Stateful(name).Forget();
        }
        cancellation.ThrowIfCancellationRequested();
        await _ended.Task.ConfigureAwait(false);
    }

    public void Assigned(IReadOnlyList<int> partitions)
    {
        lock (_gate)
        {
            _stop?.Dispose();
            _stop = new CancellationTokenSource();
            var stop = _stop.Token;
            _running = Task.Run(() => WorkAsync(stop), CancellationToken.None);
        }
    }

    public void Revoked(IReadOnlyList<int> partitions, bool lost)
    {
        _stop?.Cancel();
        // Whoever is next must not meet us at work; where the work does not end, it meets refusals.
        _running.Wait(Patience);
        engine.Stateful(name).Disown().Wait(Patience);
    }

    public void Dispose() => _stop?.Dispose();

    public void Troubled(string reason) => EngineLog.Trouble(engine.Clients.Log, name, reason);

    private async Task WorkAsync(CancellationToken stop)
    {
        try
        {
            var worker = engine.Stateful(name);
            var place = new Confluent.Kafka.TopicPartitionOffset(
                engine.Clients.Named(Topics.StateTopic(name)),
                new Confluent.Kafka.Partition(0),
                new Confluent.Kafka.Offset(0)
            );
            worker.Own(new AppendWorker.Ownership(_membership!, [place]));
            await worker.Take(anew: true, stop).ConfigureAwait(false);
            await work(stop).ConfigureAwait(false);
            _ended.TrySetResult();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Somebody else goes on, or everything stops.
        }
        catch (Exception e)
        {
            _ended.TrySetException(e);
        }
    }
}
