using Millrace.Testing;

namespace Millrace.Engines.Simulation;

/// <summary>One partition of a running group, and the owners it has had. Only the last may commit.</summary>
internal sealed class SimulatedPartition(SimulatedEngine engine, ProcessorGroup group, int partition, CancellationToken cancellation)
{
    private const int MostTakeovers = 4;
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(30);

    private readonly Scheduler _scheduler = engine.Scheduler;
    private readonly List<Task> _owners = [];
    private TaskCompletionSource _changed = new();
    private TimeSpan _backoff = TimeSpan.FromMilliseconds(100);
    private int _generation;
    private int _takeovers;

    public async Task Run()
    {
        foreach (var input in group.Inputs)
        {
            engine.Store.Log(new TopicPartition(input, partition)).Appended += Wake;
        }
        await using var stop = cancellation.Register(Wake);
        while (!cancellation.IsCancellationRequested)
        {
            var owner = Own(++_generation);
            _owners.Add(owner);
            if (_takeovers < MostTakeovers && _scheduler.Random.Next(3) > 0)
            {
                // Somebody else takes the partition over after a while, whatever the owner is doing then.
                await Task.WhenAny(owner, _scheduler.Wait(TimeSpan.FromMilliseconds(_scheduler.Random.Next(30))));
                _takeovers += owner.IsCompleted ? 0 : 1;
            }
            else
            {
                await owner;
            }
            if (engine.IsDead)
            {
                await new TaskCompletionSource().Task;
            }
        }
        _generation++;
        await Task.WhenAll(_owners);
    }

    private void Wake()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource();
        changed.TrySetResult();
    }

    /// <summary>Works as an owner until it fails, is stopped, or learns at a commit that another has the partition.</summary>
    private async Task Own(int generation)
    {
        IProcessor? processor = null;
        try
        {
            processor = group.Create(partition);
            await Work(processor, generation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The group is being stopped.
        }
        catch (Exception e) when (e is not Xunit.Sdk.IAssertionException)
        {
            if (generation == _generation)
            {
                group.Faulted(partition, e);
                await Dispose(processor);
                processor = null;
                await BackOff();
            }
        }
        await Dispose(processor);
    }

    private async Task BackOff()
    {
        var until = _scheduler.Now + _backoff.Ticks;
        _backoff = _backoff * 2 < LongestBackoff ? _backoff * 2 : LongestBackoff;
        while (!cancellation.IsCancellationRequested && _scheduler.Now < until)
        {
            await _scheduler.Wait(TimeSpan.FromTicks(Math.Min(until - _scheduler.Now, TimeSpan.TicksPerMillisecond * 50)));
        }
    }

    private static ValueTask Dispose(IProcessor? processor) => processor?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task Work(IProcessor processor, int generation)
    {
        var next = group.Inputs.ToDictionary(i => i, i => engine.Store.Position(group.Name, new TopicPartition(i, partition)));
        var progress = new Progress(More: true);
        long calledAt = 0;
        var first = true;
        while (!cancellation.IsCancellationRequested)
        {
            await engine.Pause();
            var changed = _changed.Task;
            var (source, records) = first ? (new TopicPartition(group.Inputs[0], partition), []) : Read(next);
            var due = progress.WakeAfter is { } after ? calledAt + after.Ticks - _scheduler.Now : long.MaxValue;
            if (records.Length == 0 && !first && !progress.More && due > 0)
            {
                if (generation != _generation || cancellation.IsCancellationRequested)
                {
                    return;
                }
                await (due == long.MaxValue ? changed : Task.WhenAny(changed, _scheduler.Wait(TimeSpan.FromTicks(due))));
                continue;
            }
            first = false;
            var transaction = new MemoryTransaction(engine.Store, group.Name, partition);
            cancellation.ThrowIfCancellationRequested();
            progress = await processor.ProcessAsync(new RecordBatch(source, records), transaction, cancellation);
            calledAt = _scheduler.Now;
            await engine.Pause();
            if (generation != _generation)
            {
                // Fenced: nothing of it was written.
                return;
            }
            if (records.Length > 0 || transaction.HasWrites)
            {
                engine.Apply(transaction.ToCommit(records.Length > 0 ? (source, records[^1].Offset + 1) : null));
                if (records.Length > 0)
                {
                    next[source.Topic] = records[^1].Offset + 1;
                    _backoff = TimeSpan.FromMilliseconds(100);
                }
                await engine.Pause();
                processor.Committed();
            }
        }
    }

    private (TopicPartition, Record[]) Read(Dictionary<Topic, long> next)
    {
        var begin = _scheduler.Random.Next(group.Inputs.Count);
        for (var i = 0; i < group.Inputs.Count; i++)
        {
            var source = new TopicPartition(group.Inputs[(begin + i) % group.Inputs.Count], partition);
            var end = group.DurableInput ? engine.DurableEnd(source) : long.MaxValue;
            var records = engine.Store.Log(source).Read(next[source.Topic], 1 + _scheduler.Random.Next(group.MaxBatch), end);
            if (records.Length > 0)
            {
                return (source, records);
            }
        }
        return (new TopicPartition(group.Inputs[0], partition), []);
    }
}
