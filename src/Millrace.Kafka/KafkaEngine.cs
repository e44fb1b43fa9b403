using System.Collections.Concurrent;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Kafka;
using Millrace.Kafka.Appending;
using Millrace.Kafka.Clients;
using Millrace.Kafka.Logs;
using Millrace.Kafka.Processing;
using Millrace.Kafka.State;
using Millrace.Rocks;
using TopicPartition = Millrace.Engines.TopicPartition;

namespace Millrace;

/// <summary>
/// Logs on Kafka, state in a local RocksDB with a compacted topic behind it. What a group reads, writes and keeps is one transaction on the broker; as
/// many processes as there are partitions share the work, and a process that was taken for dead can write nothing any more.
/// </summary>
public sealed class KafkaEngine : IEngine
{
    private readonly FolderLock _lock;
    private readonly IAdminClient _admin;
    private readonly IConsumer<byte[], byte[]> _asker;
    private readonly Watermarks _watermarks;
    private readonly LogHub _hub;
    private readonly ConcurrentDictionary<string, AppendWorker> _workers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (long At, Dictionary<Confluent.Kafka.TopicPartition, long> Offsets)> _committed = new(
        StringComparer.Ordinal
    );
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _running = [];
    private readonly List<IAdminClient> _replaced = [];
    private volatile IAdminClient _groups;
    private bool _disposed;

    private KafkaEngine(KafkaOptions options, FolderLock folderLock, ILogger log)
    {
        _lock = folderLock;
        Images = new ImageStore(options);
        Clients = new KafkaClients(options, options.InstanceId ?? Instance(options.Folder), log);
        _admin = Clients.Admin();
        _groups = Clients.Admin();
        _asker = Clients.Asker();
        Topics = new Topics(Clients, _admin);
        _watermarks = new Watermarks(Clients, _asker);
        _hub = new LogHub(Clients);
        Follower = new Follower(Clients, Images, _asker);
    }

    internal KafkaClients Clients { get; }

    internal Topics Topics { get; }

    internal ImageStore Images { get; }

    internal Follower Follower { get; }

    /// <summary>Commits what touches no state.</summary>
    internal AppendWorker Stateless =>
        _workers.GetOrAdd("", static (_, engine) => new AppendWorker(engine, $"appender-{engine.Clients.Instance}", false), this);

    /// <summary>Opens the local folder and the clients. The broker is first asked when topics are created.</summary>
    /// <param name="options">Where the broker and the folder are.</param>
    /// <param name="log">Where the engine says what it does; nowhere unless given.</param>
    /// <exception cref="EngineException">An option makes no sense, or another process uses the folder.</exception>
    public static KafkaEngine Open(KafkaOptions options, ILogger? log = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        KafkaClients.Check(options);
        Blocking.MakeRoom();
        var folderLock = new FolderLock(
            options.Folder,
            "Each process of an application needs a folder of its own for its copies of state: set Millrace:Kafka:Folder."
        );
        try
        {
            return new KafkaEngine(options, folderLock, log ?? NullLogger.Instance);
        }
        catch (Exception e)
        {
            folderLock.Dispose();
            throw e is ArgumentException or InvalidOperationException or KafkaException
                ? new EngineException($"The Kafka clients cannot be made: {e.Message}. See the settings under Client.", e)
                : e;
        }
    }

    /// <inheritdoc />
    public async ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        await Topics.CreateLogsAsync(topics).WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc />
    public async ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        await Topics.AddToLogsAsync(topics).WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc />
    public IAppender OpenAppender(string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new KafkaAppender(this, name);
    }

    /// <inheritdoc />
    public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Topics.Require(source);
        return new KafkaLogReader(_hub, _watermarks, source, offset);
    }

    /// <inheritdoc />
    public IStateReader OpenState(string name, int partition)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Images.Find(name, partition) is not { IsCaughtUp: true } image)
        {
            if (partition >= Topics.Partitions(Topics.StateTopic(name)))
            {
                return NoState.Instance;
            }
            image = Images.Open(name, partition);
            Follower.FollowAsync(image, _disposing.Token).GetAwaiter().GetResult();
        }
        image.IsQueried = true;
        image.Settle();
        return new ImageReader(image);
    }

    /// <inheritdoc />
    public void WatchState(string name, int partition, StateChanged changed)
    {
        ArgumentNullException.ThrowIfNull(changed);
        _ = OpenState(name, partition);
        var image = Images.Open(name, partition);
        // Where its topic is not there yet, it is followed as soon as the group has made it.
        image.IsQueried = true;
        image.Watch(changed);
    }

    /// <inheritdoc />
    public long CommittedOffset(string group, TopicPartition source)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Images.Find(group, source.Partition) is { IsCaughtUp: true } image)
        {
            image.Settle();
            return image.Position(source.Topic.Name);
        }
        var place = new Confluent.Kafka.TopicPartition(Clients.Named(source.Topic.Name), new Partition(source.Partition));
        if (!_committed.TryGetValue(group, out var known) || Environment.TickCount64 - known.At > 200)
        {
            known = (Environment.TickCount64, CommittedByGroup(group));
            _committed[group] = known;
        }
        return Math.Max(0, known.Offsets.GetValueOrDefault(place));
    }

    /// <inheritdoc />
    public async Task RunAsync(ProcessorGroup group, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (group.Inputs.Count == 0 || group.Inputs.Any(i => i.Partitions != group.Inputs[0].Partitions))
        {
            throw new EngineException($"Group '{group.Name}' needs inputs that all have the same number of partitions.");
        }
        await Topics.CreateGroupStateAsync(group.Name, group.Inputs[0].Partitions).ConfigureAwait(false);
        foreach (var image in Images.All(group.Name).Where(static i => i is { IsQueried: true, IsCaughtUp: false }))
        {
            Keep(image);
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _disposing.Token);
        Task running;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var threads = Math.Min(Clients.Options.Threads, group.Inputs[0].Partitions);
            _running.RemoveAll(static task => task.IsCompleted);
            List<GroupLoop> loops = [.. Enumerable.Range(0, threads).Select(n => new GroupLoop(group, n, this, stop.Token))];
            running = Task.WhenAll([
                .. loops.Select(loop => loop.Start()),
                new OpenTransactions(Clients, Topics, _asker).WatchAsync(group, p => loops.Exists(loop => loop.Has(p)), stop.Token),
            ]);
            _running.Add(running);
        }
        for (var partition = 0; Clients.Options.Standby && partition < group.Inputs[0].Partitions; partition++)
        {
            Keep(Images.Open(group.Name, partition));
        }
        await running.ConfigureAwait(false);
    }

    /// <inheritdoc />
    public bool IsShared => true;

    /// <inheritdoc />
    public async Task RunAsOwnerAsync(string appender, Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(appender);
        ArgumentNullException.ThrowIfNull(work);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _disposing.Token);
        using var owner = new Owner(this, appender, work);
        Task running;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            running = Task.Run(() => owner.RunAsync(stop.Token), CancellationToken.None);
            _running.RemoveAll(static task => task.IsCompleted);
            _running.Add(running);
        }
        await running.ConfigureAwait(false);
    }

    /// <inheritdoc />
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
        foreach (var worker in _workers.Values)
        {
            worker.Dispose();
        }
        _hub.Dispose();
        Follower.Dispose();
        _asker.Dispose();
        _admin.Dispose();
        _groups.Dispose();
        _replaced.ForEach(static admin => admin.Dispose());
        Images.Dispose();
        _lock.Dispose();
        _disposing.Dispose();
    }

    /// <summary>The one writer, in this process, of an appender's state.</summary>
    internal AppendWorker Stateful(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return _workers.GetOrAdd(name, static (n, engine) => new AppendWorker(engine, n, true), this);
    }

    /// <summary>Nobody here writes an appender's state at the moment. Where the engine has ended, nobody does anyway.</summary>
    internal Task LetGoAsync(string name)
    {
        lock (_gate)
        {
            return _disposed || !_workers.TryGetValue(name, out var worker) ? Task.CompletedTask : worker.LetGo();
        }
    }

    /// <summary>This process writes a copy no more; where somebody here reads it, it is kept up to date from its topic.</summary>
    internal void Release(Image image)
    {
        var stays = image.IsQueried || Clients.Options.Standby;
        Follower.Release(image, stays);
        if (stays)
        {
            Keep(image);
        }
    }

    /// <summary>Keeps a copy up to date, as soon as the broker lets us.</summary>
    private void Keep(Image image)
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _running.RemoveAll(static task => task.IsCompleted);
                _running.Add(KeepAsync(image));
            }
        }
    }

    private async Task KeepAsync(Image image)
    {
        while (!_disposing.IsCancellationRequested)
        {
            try
            {
                await Follower.FollowAsync(image, _disposing.Token).ConfigureAwait(false);
                return;
            }
            catch (EngineException e)
            {
                EngineLog.Trouble(Clients.Log, $"the copy of {image.Name}[{image.Partition}]", e.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), _disposing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception e) when (_disposed && e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    /// <summary>The name this process has in transactional ids, kept in its folder: after a restart it takes its own transactions over.</summary>
    private static string Instance(string folder)
    {
        var path = Path.Combine(folder, "instance");
        if (!File.Exists(path))
        {
            File.WriteAllText(path, Guid.NewGuid().ToString("N")[..12]);
        }
        return File.ReadAllText(path).Trim();
    }

    private Dictionary<Confluent.Kafka.TopicPartition, long> CommittedByGroup(string group)
    {
        var admin = _groups;
        try
        {
            var found = admin
                .ListConsumerGroupOffsetsAsync(
                    [new ConsumerGroupTopicPartitions(Clients.Named(group), null)],
                    new Confluent.Kafka.Admin.ListConsumerGroupOffsetsOptions { RequestTimeout = TimeSpan.FromSeconds(5) }
                )
                .GetAwaiter()
                .GetResult();
            return found[0].Partitions.ToDictionary(p => p.TopicPartition, p => p.Offset.Value);
        }
        catch (KafkaException e)
        {
            // After its broker was restarted this client waits in vain, and a new one does not.
            lock (_gate)
            {
                if (ReferenceEquals(_groups, admin) && !_disposed)
                {
                    _replaced.Add(admin);
                    _groups = Clients.Admin();
                }
            }
            throw new EngineException($"The positions of the group '{Clients.Named(group)}' cannot be read: {e.Error.Reason}.", e);
        }
    }
}
