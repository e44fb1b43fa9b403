using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace.Sources;

/// <summary>The runtime's side of one source: knows which tables are part of which aggregates, and turns their changes into commands.</summary>
internal sealed class Capture : ICapture, IAsyncDisposable
{
    private readonly IEngine _engine;
    private readonly IAppender _appender;
    private readonly string _appenderName;
    private readonly TimeProvider _clock;
    private readonly Dictionary<AggregateDefinition, EntitySeal> _sealOf = [];
    private readonly SharedStatus _status;
    private long _reportedAt;
    private volatile bool _reads;
    private readonly object _gate = new();
    private CaptureBatch? _open;
    private bool _isFencing;

    public Capture(Application application, MillraceOptions options, IEngine engine, string source, TimeProvider clock, Seals? seals = null)
    {
        Application = application;
        Options = options;
        Source = source;
        _engine = engine;
        _clock = clock;
        _reportedAt = Instants.Of(clock.GetUtcNow());
        _appenderName = AppenderOf(application, source);
        _appender = engine.OpenAppender(_appenderName);
        Tables = CapturedTables.Of(application.Topology);
        Seals = seals;
        if (seals is not null)
        {
            foreach (var aggregate in application.Topology.Aggregates.Where(aggregate => aggregate.IsPersonal))
            {
                _sealOf[aggregate] = seals.For(aggregate)!;
            }
        }
        _status = new SharedStatus(engine, $"{_appenderName}.status");
        Map = PartitionMap.Of(application.Partitions);
        Recall();
    }

    /// <summary>Where the latest time is kept, beside what the source saves: no source's key begins with 0.</summary>
    public static ReadOnlySpan<byte> LatestKey => "\0latest"u8;

    /// <summary>Where the epochs of the partitions are kept that commands are written to.</summary>
    public static ReadOnlySpan<byte> EpochsKey => "\0epochs"u8;

    /// <summary>There while a snapshot is under way.</summary>
    public static ReadOnlySpan<byte> OpenKey => "\0open"u8;

    /// <summary>The name under which a source's position is kept.</summary>
    public static string AppenderOf(Application application, string source) => $"{application.Topology.Name}.source.{source}";

    public Application Application { get; }
    public MillraceOptions Options { get; }
    public string Source { get; }
    public IReadOnlyList<CapturedTable> Tables { get; }
    public IStateReader Saved => _engine.OpenState(_appenderName, 0);

    /// <summary>The keys of personal data; null where no aggregate has any.</summary>
    public Seals? Seals { get; }

    /// <summary>How the source stands, as it said last.</summary>
    public SourceStatus Status { get; private set; } = new() { Connected = false };

    /// <summary>When it said so. A source that has said nothing for long has stopped, whatever it said last.</summary>
    public DateTimeOffset ReportedAt => Instants.Of(Volatile.Read(ref _reportedAt));

    /// <summary>The latest time of anything appended, in microseconds; kept, so that time goes on where it was after a restart.</summary>
    public long LatestTime { get; private set; }

    /// <summary>Rows handed over since the start.</summary>
    public long Rows;

    /// <summary>
    /// The partitions that commands are written to. The application may be ahead: the fence is written with the next commit, and what is read after that
    /// goes by the new map.
    /// </summary>
    public PartitionMap Map { get; private set; }

    /// <summary>Whether a snapshot is under way.</summary>
    public bool IsSnapshotOpen { get; private set; }

    /// <summary>Told after each report and commit.</summary>
    public event Action? Changed;

    public BoundTable Bind(CapturedTable table, IReadOnlyList<string> columns, IReadOnlyList<Cascade> cascades)
    {
        var missing = table.Columns.Where(column => !columns.Contains(column)).ToList();
        if (missing.Count > 0)
        {
            throw new SourceException(
                $"The table {table.Name} of {Source} has no column {string.Join(", ", missing)}, which the application maps. Correct the row record (or its [Column]), or add the column back. It has: {string.Join(", ", columns)}."
            );
        }
        var routes = new List<Route>();
        foreach (var aggregate in Application.Topology.Aggregates)
        {
            foreach (var definition in aggregate.Tables.Where(definition => definition.Table == table.Name))
            {
                routes.Add(
                    new Route
                    {
                        Aggregate = aggregate,
                        IsReference = false,
                        Key = Ordinals(columns, definition.Key),
                        Owner = Ordinals(columns, definition.Parent?.Columns ?? definition.Key),
                        OccurredAt = definition.OccurredAt is { } column ? Ordinal(columns, column) : -1,
                        Cascades = definition.Parent is null ? CascadesOf(aggregate, cascades) : [],
                    }
                );
            }
            foreach (var definition in aggregate.References.Where(definition => definition.Table == table.Name))
            {
                routes.Add(
                    new Route
                    {
                        Aggregate = aggregate,
                        IsReference = true,
                        Key = Ordinals(columns, definition.Key),
                        Owner = [],
                        OccurredAt = -1,
                        Cascades = [],
                    }
                );
            }
        }
        return new RoutedTable(table, [.. routes]);
    }

    /// <summary>What encrypts an aggregate's commands; null where it is not personal. Of one batch at a time.</summary>
    public EntitySeal? SealOf(AggregateDefinition aggregate) => Seals is null ? null : _sealOf.GetValueOrDefault(aggregate);

    public ICaptureBatch Begin()
    {
        lock (_gate)
        {
            // A fence that is written between two batches is on its way for milliseconds, and a batch has to know of it.
            while (_isFencing)
            {
                Monitor.Wait(_gate);
            }
            var batch = new CaptureBatch(this, _appender, _appender.Begin());
            _open = batch;
            return batch;
        }
    }

    /// <summary>A batch is committed, or was not.</summary>
    public void Ended(CaptureBatch batch)
    {
        lock (_gate)
        {
            _open = _open == batch ? null : _open;
        }
    }

    /// <summary>Where partitions were added and the source has nothing to say: writes the fence without it, between two batches.</summary>
    public async Task FenceAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            if (BeginFence())
            {
                try
                {
                    var transaction = _appender.Begin();
                    var map = WriteFence(transaction, Map, Instants.Of(_clock.GetUtcNow()));
                    await _appender.CommitAsync(transaction, durable: false, cancellation).ConfigureAwait(false);
                    Map = map;
                }
                catch (EngineException)
                {
                    // The source's own commits meet the same trouble, and report it. Whether it was written is in the state; if not, it is tried again.
                    Recall();
                }
                finally
                {
                    lock (_gate)
                    {
                        _isFencing = false;
                        Monitor.PulseAll(_gate);
                    }
                }
            }
            await Task.Delay(SharedStatus.Every, _clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Writes the fence of partitions that were added, and remembers that it did in the same commit.</summary>
    /// <returns>What commands go by after it.</returns>
    public PartitionMap WriteFence(ITransaction transaction, PartitionMap from, long time)
    {
        var map = Application.Map;
        Growth.WriteFences(transaction, Application, from.Epoch, map, time);
        transaction.Put(EpochsKey, System.Text.Json.JsonSerializer.SerializeToUtf8Bytes([.. map.Counts], MillraceJson.Default.Int32Array));
        return map;
    }

    private bool BeginFence()
    {
        lock (_gate)
        {
            return _isFencing = _reads && _open is null && !IsSnapshotOpen && Application.Map.Epoch > Map.Epoch;
        }
    }

    public void Report(SourceStatus status)
    {
        Status = status;
        Volatile.Write(ref _reportedAt, Instants.Of(_clock.GetUtcNow()));
        Changed?.Invoke();
    }

    /// <summary>Reads the source in one process at a time; the others hear from that one how it stands.</summary>
    public Task RunAsync(ISource source, CancellationToken cancellation) =>
        _engine.RunAsOwnerAsync(
            _appenderName,
            async stop =>
            {
                // What the process that read it before us has saved.
                Recall();
                _reads = true;
                try
                {
                    await source.RunAsync(this, stop).ConfigureAwait(false);
                }
                finally
                {
                    _reads = false;
                }
            },
            cancellation
        );

    /// <summary>Where the engine is shared: tells the other processes how the source stands, or hears it from the one that reads it.</summary>
    public async Task ShareAsync(CancellationToken cancellation)
    {
        while (_engine.IsShared && !cancellation.IsCancellationRequested)
        {
            if (_reads)
            {
                await _status.TellAsync(new SourceNews(Status, _reportedAt, LatestTime), cancellation).ConfigureAwait(false);
            }
            else if (_status.Hear() is { } news && news.ReportedAt > Volatile.Read(ref _reportedAt) && !_reads)
            {
                Status = news.Status;
                LatestTime = Math.Max(LatestTime, news.LatestTime);
                Volatile.Write(ref _reportedAt, news.ReportedAt);
                Changed?.Invoke();
            }
            await Task.Delay(SharedStatus.Every, _clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Appended(long latest, int rows, PartitionMap map, bool isSnapshotOpen)
    {
        Map = map;
        IsSnapshotOpen = isSnapshotOpen;
        LatestTime = Math.Max(LatestTime, latest);
        Rows += rows;
        Changed?.Invoke();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var seal in _sealOf.Values)
        {
            seal.Dispose();
        }
        await _status.DisposeAsync().ConfigureAwait(false);
        await _appender.DisposeAsync().ConfigureAwait(false);
    }

    private void Recall()
    {
        LatestTime = Saved.TryGet(LatestKey, out var latest) ? BinaryPrimitives.ReadInt64BigEndian(latest) : 0;
        Map = PartitionMap.Of(
            Saved.TryGet(EpochsKey, out var epochs)
                ? System.Text.Json.JsonSerializer.Deserialize(epochs, MillraceJson.Default.Int32Array)!
                : [Application.Partitions]
        );
        IsSnapshotOpen = Saved.TryGet(OpenKey, out _);
    }

    /// <summary>The partitions of every command log that a table's records go to.</summary>
    public IEnumerable<AggregateDefinition> AggregatesOf(string table) =>
        Application.Topology.Aggregates.Where(aggregate =>
            aggregate.Tables.Concat(aggregate.References).Any(definition => definition.Table == table)
        );

    /// <summary>Children whose rows go with the root. SET NULL takes them out of the entity just the same: their parent is unknown from then on.</summary>
    private static byte[][] CascadesOf(AggregateDefinition aggregate, IReadOnlyList<Cascade> cascades) =>
        [
            .. cascades
                .Where(cascade =>
                    aggregate.Tables.Any(definition =>
                        definition.Table == cascade.ChildTable
                        && definition.Parent is { } parent
                        && parent.Columns.SequenceEqual(cascade.Columns)
                    )
                )
                .Select(cascade => System.Text.Encoding.UTF8.GetBytes(cascade.ChildTable))
                .DistinctBy(name => System.Text.Encoding.UTF8.GetString(name)),
        ];

    private static int[] Ordinals(IReadOnlyList<string> columns, IReadOnlyList<string> names) =>
        [.. names.Select(name => Ordinal(columns, name))];

    private static int Ordinal(IReadOnlyList<string> columns, string name)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            if (string.Equals(columns[i], name, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }
        return -1;
    }
}

/// <summary>What a table is to one aggregate, by ordinals of its columns.</summary>
internal sealed class Route
{
    public required AggregateDefinition Aggregate { get; init; }

    /// <summary>Whether its rows go to every partition instead of to an entity.</summary>
    public required bool IsReference { get; init; }

    /// <summary>The row's key.</summary>
    public required int[] Key { get; init; }

    /// <summary>The columns that name the entity: the root's key, or the child's foreign key.</summary>
    public required int[] Owner { get; init; }

    /// <summary>The column with the business time; -1 for none.</summary>
    public required int OccurredAt { get; init; }

    /// <summary>Child tables whose rows go with a deleted root, unlogged.</summary>
    public required byte[][] Cascades { get; init; }
}

internal sealed class RoutedTable(CapturedTable table, Route[] routes) : BoundTable(table)
{
    public Route[] Routes => routes;

    public byte[] Name { get; } = System.Text.Encoding.UTF8.GetBytes(table.Name);
}
