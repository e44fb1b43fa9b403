using Millrace.Testing;

namespace Millrace.Engines.Simulation;

/// <summary>
/// An engine whose every wait is a moment in which anything may happen: partitions change owners while the old one still works, the
/// disk is behind, the process dies. It keeps the contract all the same.
/// </summary>
internal sealed class SimulatedEngine : IEngine
{
    private readonly Scheduler _scheduler;
    private readonly SimulatedDisk _disk;
    private readonly MemoryStore _store;
    private readonly Dictionary<TopicPartition, long> _durableEnds = [];
    private readonly List<(int Written, TaskCompletionSource Synced)> _waiting = [];
    private bool _stopped;

    private SimulatedEngine(Scheduler scheduler, SimulatedDisk disk)
    {
        _scheduler = scheduler;
        _disk = disk;
        _store = disk.Replay();
        disk.Synced = disk.Written.Count;
        foreach (var commit in disk.Written.OfType<MemoryCommit>())
        {
            CountDurable(commit);
        }
    }

    /// <summary>A process that begins with what the disk has.</summary>
    public static SimulatedEngine Start(Scheduler scheduler, SimulatedDisk disk)
    {
        var engine = new SimulatedEngine(scheduler, disk);
        _ = engine.SyncAgainAndAgain();
        return engine;
    }

    public Scheduler Scheduler => _scheduler;

    public MemoryStore Store => _store;

    /// <summary>Whether the process is gone; nothing of it goes on then.</summary>
    public bool IsDead { get; private set; }

    /// <summary>The process dies here and now, and the power with it.</summary>
    public void Kill()
    {
        IsDead = true;
        _disk.Cut(_scheduler.Random);
    }

    /// <summary>A moment; never over for a process that died.</summary>
    public async Task Pause()
    {
        await _scheduler.Pause();
        if (IsDead)
        {
            await new TaskCompletionSource().Task;
        }
    }

    public async ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        await Pause();
        _store.Create(topics);
        _disk.Written.Add(topics.ToArray());
    }

    public async ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        await Pause();
        _store.AddPartitions(topics);
        _disk.Written.Add(new AddedPartitions([.. topics]));
    }

    public IAppender OpenAppender(string name) => new Appender(this, name);

    public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false) =>
        new Reader(this, source, _store.Log(source), offset, durableOnly);

    public IStateReader OpenState(string name, int partition) => new MemoryStateReader(_store.State(name, partition));

    public long CommittedOffset(string group, TopicPartition source) => _store.Position(group, source);

    public Task RunAsync(ProcessorGroup group, CancellationToken cancellation)
    {
        if (group.Inputs.Any(i => i.Partitions != group.Inputs[0].Partitions))
        {
            return Task.FromException(
                new EngineException($"Group '{group.Name}' needs inputs that all have the same number of partitions.")
            );
        }
        return Task.WhenAll(
            Enumerable
                .Range(0, group.Inputs[0].Partitions)
                .Select(partition => new SimulatedPartition(this, group, partition, cancellation).Run())
        );
    }

    public async ValueTask DisposeAsync()
    {
        await Sync();
        _stopped = true;
    }

    /// <summary>Makes a commit readable; it survives when the number returned is synced.</summary>
    public int Apply(MemoryCommit commit)
    {
        _store.Apply(commit);
        _disk.Written.Add(commit);
        return _disk.Written.Count;
    }

    public Task WaitForSync(int written)
    {
        if (_disk.Synced >= written)
        {
            return Task.CompletedTask;
        }
        var synced = new TaskCompletionSource();
        _waiting.Add((written, synced));
        return synced.Task;
    }

    /// <summary>Where a reader of durable records must stop.</summary>
    public long DurableEnd(TopicPartition source) => _durableEnds.GetValueOrDefault(source);

    private async Task SyncAgainAndAgain()
    {
        while (!_stopped && !IsDead)
        {
            await _scheduler.Wait(TimeSpan.FromMilliseconds(1 + _scheduler.Random.Next(20)));
            await Sync();
        }
    }

    private async Task Sync()
    {
        var from = _disk.Synced;
        var target = _disk.Written.Count;
        await Pause();
        if (target <= _disk.Synced)
        {
            return;
        }
        // Another sync may have come between; what it covered is not counted again.
        from = _disk.Synced;
        _disk.Synced = target;
        var grown = new HashSet<TopicPartition>();
        for (var i = from; i < target; i++)
        {
            if (_disk.Written[i] is MemoryCommit commit)
            {
                CountDurable(commit);
                grown.UnionWith(commit.Records.Select(r => r.Target));
            }
        }
        foreach (var (_, synced) in _waiting.FindAll(w => w.Written <= target))
        {
            synced.SetResult();
        }
        _waiting.RemoveAll(w => w.Written <= target);
        foreach (var source in grown.OrderBy(s => s.ToString(), StringComparer.Ordinal))
        {
            _store.Log(source).Announce();
        }
    }

    private void CountDurable(MemoryCommit commit)
    {
        foreach (var (target, _) in commit.Records)
        {
            _durableEnds[target] = _durableEnds.GetValueOrDefault(target) + 1;
        }
    }

    private sealed class Appender(SimulatedEngine engine, string name) : IAppender
    {
        public ITransaction Begin() => new MemoryTransaction(engine._store, name, 0);

        public async ValueTask CommitAsync(ITransaction transaction, bool durable, CancellationToken cancellation)
        {
            await engine.Pause();
            var written = engine.Apply(((MemoryTransaction)transaction).ToCommit(null));
            await engine.Pause();
            if (durable)
            {
                await engine.WaitForSync(written);
            }
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Reader(SimulatedEngine engine, TopicPartition source, MemoryLog log, long offset, bool durableOnly) : ILogReader
    {
        private long _next = offset;

        public long End => durableOnly ? engine.DurableEnd(source) : log.End;

        public bool TryRead(int max, out RecordBatch batch)
        {
            // Fewer than there are, sometimes: a batch may end anywhere.
            var records = log.Read(_next, 1 + engine._scheduler.Random.Next(max), End);
            _next += records.Length;
            batch = new RecordBatch(source, records);
            return records.Length > 0;
        }

        public async ValueTask WaitAsync(CancellationToken cancellation)
        {
            while (End <= _next)
            {
                cancellation.ThrowIfCancellationRequested();
                var appended = new TaskCompletionSource();
                void Wake() => appended.TrySetResult();
                log.Appended += Wake;
                await using var registration = cancellation.Register(() => appended.TrySetCanceled(cancellation));
                await appended.Task;
                log.Appended -= Wake;
            }
        }

        public void Dispose() { }
    }
}
