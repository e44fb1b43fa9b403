using Millrace.Engines;
using Millrace.Testing;

namespace Millrace;

/// <summary>
/// Logs and state in memory, for tests. It keeps every promise of an engine but the one to outlive the process. A hosted test lets
/// it run by itself (<see cref="RunAsync"/>); a test in virtual time calls <see cref="Step(ProcessorGroup)"/> or <see cref="Settle"/>, and then
/// everything happens on the calling thread, in the same order each time.
/// </summary>
/// <param name="time">The clock of backoffs and wake-ups; the system's where none is given.</param>
public sealed class InMemoryEngine(TimeProvider? time = null) : IEngine
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(30);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly MemoryStore _store = new();
    private readonly Dictionary<ProcessorGroup, MemoryProcessor[]> _stepped = [];

    /// <inheritdoc />
    public ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        _store.Create(topics);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        _store.AddPartitions(topics);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public IAppender OpenAppender(string name) => new Appender(_store, name);

    /// <inheritdoc />
    public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false) =>
        new MemoryReader(source, _store.Log(source), offset);

    /// <inheritdoc />
    public IStateReader OpenState(string name, int partition) => new MemoryStateReader(_store.State(name, partition));

    /// <inheritdoc />
    public long CommittedOffset(string group, TopicPartition source) => _store.Position(group, source);

    /// <summary>
    /// Lets each partition of a group handle one batch on the calling thread: its first empty one, records that wait, or a call it
    /// asked for and whose time has come.
    /// </summary>
    /// <param name="group">The group. Its processors must complete synchronously.</param>
    /// <returns>Whether any partition had something to do.</returns>
    /// <exception cref="InvalidOperationException">A processor did not complete synchronously.</exception>
    /// <remarks>
    /// A processor that throws is reported to <see cref="ProcessorGroup.Faulted"/> and disposed, and the exception is thrown on: a
    /// test should fail where it happens. The next step begins with a new processor.
    /// </remarks>
    public bool Step(ProcessorGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        var worked = false;
        for (var partition = 0; partition < Stepped(group).Length; partition++)
        {
            worked |= Step(group, partition);
        }
        return worked;
    }

    /// <summary>As <see cref="Step(ProcessorGroup)"/>, of one partition.</summary>
    internal bool Step(ProcessorGroup group, int partition)
    {
        var step = Stepped(group)[partition].StepAsync(CancellationToken.None);
        if (!step.IsCompleted)
        {
            throw new InvalidOperationException(
                $"The processor of '{group.Name}' partition {partition} did not complete synchronously, so it cannot be stepped; use RunAsync."
            );
        }
        try
        {
            return step.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            group.Faulted(partition, e);
            throw;
        }
    }

    private MemoryProcessor[] Stepped(ProcessorGroup group)
    {
        if (!_stepped.TryGetValue(group, out var processors))
        {
            _stepped.Add(group, processors = Processors(group));
        }
        return processors;
    }

    /// <summary>Steps the groups until none has anything to do now. Calls whose time has not come are left.</summary>
    /// <param name="groups">The groups, in the order they take turns.</param>
    public void Settle(params ReadOnlySpan<ProcessorGroup> groups)
    {
        bool worked;
        do
        {
            worked = false;
            foreach (var group in groups)
            {
                worked |= Step(group);
            }
        } while (worked);
    }

    /// <summary>How long until a stepped group wants to be called without input; null when it waits for input alone.</summary>
    /// <param name="group">The group.</param>
    public TimeSpan? UntilWake(ProcessorGroup group) =>
        _stepped.TryGetValue(group, out var processors) ? processors.Min(p => p.UntilWake) : null;

    /// <inheritdoc />
    public async Task RunAsync(ProcessorGroup group, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(group);
        var processors = Processors(group);
        await Task.WhenAll(
            processors.Select((p, partition) => Task.Run(() => LoopAsync(group, p, partition, cancellation), CancellationToken.None))
        );
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        foreach (var processor in _stepped.Values.SelectMany(p => p))
        {
            await processor.DisposeAsync();
        }
        _stepped.Clear();
    }

    private MemoryProcessor[] Processors(ProcessorGroup group)
    {
        if (group.Inputs.Count == 0 || group.Inputs.Any(i => i.Partitions != group.Inputs[0].Partitions))
        {
            throw new EngineException($"Group '{group.Name}' needs inputs that all have the same number of partitions.");
        }
        foreach (var input in group.Inputs)
        {
            _store.Log(new TopicPartition(input, input.Partitions - 1));
        }
        return [.. Enumerable.Range(0, group.Inputs[0].Partitions).Select(p => new MemoryProcessor(_store, _time, group, p))];
    }

    private async Task LoopAsync(ProcessorGroup group, MemoryProcessor processor, int partition, CancellationToken cancellation)
    {
        var signal = new MemorySignal();
        var logs = group.Inputs.Select(i => _store.Log(new TopicPartition(i, partition))).ToArray();
        Array.ForEach(logs, log => log.Appended += signal.Set);
        var backoff = FirstBackoff;
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                try
                {
                    if (!await processor.StepAsync(cancellation))
                    {
                        await signal.WaitAsync(processor.UntilWake, _time, cancellation);
                    }
                    else if (processor.Advanced)
                    {
                        backoff = FirstBackoff;
                    }
                }
                catch (Exception e) when (!cancellation.IsCancellationRequested)
                {
                    group.Faulted(partition, e);
                    await Task.Delay(backoff, _time, cancellation);
                    backoff = backoff * 2 < LongestBackoff ? backoff * 2 : LongestBackoff;
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The group is being stopped.
        }
        finally
        {
            Array.ForEach(logs, log => log.Appended -= signal.Set);
            await processor.DisposeAsync();
        }
    }

    private sealed class Appender(MemoryStore store, string name) : IAppender
    {
        public ITransaction Begin() => new MemoryTransaction(store, name, 0);

        public ValueTask CommitAsync(ITransaction transaction, bool durable, CancellationToken cancellation)
        {
            store.Apply(((MemoryTransaction)transaction).ToCommit(null));
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
