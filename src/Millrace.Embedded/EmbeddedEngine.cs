using Millrace.Embedded;
using Millrace.Embedded.Logs;
using Millrace.Embedded.Processing;
using Millrace.Embedded.State;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace;

/// <summary>
/// Logs, state and positions in one folder of one process, on RocksDB. A commit is one write batch: after a crash it is there whole or
/// not at all, and what is there is a prefix of what was committed.
/// </summary>
public sealed class EmbeddedEngine : IEngine
{
    private readonly FolderLock _lock;
    private readonly FreeSpace _space;
    private readonly RocksStore _store;
    private readonly Checkpointer _checkpointer;
    private readonly Catalog _catalog;
    private readonly Committer _committer;
    private readonly Syncer _syncer;
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _running = [];
    private bool _disposed;

    private EmbeddedEngine(EmbeddedOptions options, FolderLock folderLock)
    {
        _lock = folderLock;
        _space = new FreeSpace(options.Folder, options.ReserveBytes);
        _store = new RocksStore(options.Folder, Families.All, options.WriteBufferBytes, options.BlockCacheBytes);
        _checkpointer = new Checkpointer(_store, new FreeSpace(options.Folder, options.ReserveBytes));
        try
        {
            _catalog = new Catalog(_store, new StateBudget(options.StateBytes), _checkpointer.Add, options.Folder);
        }
        catch
        {
            _checkpointer.Dispose();
            _store.Dispose();
            throw;
        }
        _committer = new Committer(_store, _space, options.TailBytes);
        _syncer = new Syncer(_store, _committer, options.SyncEvery);
    }

    /// <summary>Opens a folder, or makes it.</summary>
    /// <param name="options">Where it is, and how it is kept.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="EngineException">Another process uses the folder, it is damaged, or it cannot be written.</exception>
    public static EmbeddedEngine Open(EmbeddedOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrWhiteSpace(options.Folder);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.SyncEvery, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfNegative(options.ReserveBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(options.StateBytes);
        var folderLock = new FolderLock(
            options.Folder,
            "An embedded engine's folder belongs to one process at a time: stop the other one, or choose another folder."
        );
        try
        {
            return new EmbeddedEngine(options, folderLock);
        }
        catch
        {
            folderLock.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _catalog.Create(topics);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _catalog.AddPartitions(topics);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public IAppender OpenAppender(string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Appender(_store, _catalog, _committer, _syncer, _catalog.Table(name, 0));
    }

    /// <inheritdoc />
    public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new LogReader(_store, source, _catalog.Log(source), offset, durableOnly || _syncer.EveryCommit);
    }

    /// <inheritdoc />
    public IStateReader OpenState(string name, int partition)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new StateReader(_store, _catalog.Table(name, partition));
    }

    /// <inheritdoc />
    public EngineRoom? RoomFor(IReadOnlyCollection<string> groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new EngineRoom(_space.Free, groups.Sum(_catalog.StateBytes));
    }

    /// <inheritdoc />
    public long CommittedOffset(string group, TopicPartition source) => _catalog.CommittedOffset(group, source);

    /// <inheritdoc />
    public async Task RunAsync(ProcessorGroup group, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (group.Inputs.Count == 0 || group.Inputs.Any(i => i.Partitions != group.Inputs[0].Partitions))
        {
            throw new EngineException($"Group '{group.Name}' needs inputs that all have the same number of partitions.");
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _disposing.Token);
        var loops = new PartitionLoop[group.Inputs[0].Partitions];
        for (var p = 0; p < loops.Length; p++)
        {
            loops[p] = new PartitionLoop(group, p, _store, _catalog, _committer, _syncer, stop.Token);
        }
        Task running;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            running = Task.WhenAll(loops.Select(l => l.Start()));
            _running.Add(running);
        }
        await running.ConfigureAwait(false);
    }

    /// <summary>Stops the groups, syncs, and closes the folder. Readers and appenders throw when they are used after this.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
        }
        await _disposing.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _committer.Close(new ObjectDisposedException(nameof(EmbeddedEngine)));
        try
        {
            foreach (var table in _catalog.Tables())
            {
                if (table.TryFreeze())
                {
                    _checkpointer.Add(table);
                }
            }
            _checkpointer.Dispose();
            _syncer.Dispose();
            _store.FlushLog(sync: true);
        }
        finally
        {
            _committer.Dispose();
            _store.Dispose();
            _lock.Dispose();
            _disposing.Dispose();
        }
    }
}
