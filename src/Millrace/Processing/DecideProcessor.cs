using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <summary>
/// One partition of an aggregate: applies each command to the mirror, decides, evolves, publishes. Everything here is a function of the
/// command log; the clock is read for the heartbeat alone.
/// </summary>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent> : IProcessor
    where TRoot : class, IRow<TRoot>
    where TState : class
    where TEvent : class
{
    private readonly AggregateBuilder<TRoot, TState, TEvent> _aggregate;
    private readonly DeciderSetup _setup;
    private readonly DeciderCounters _counters;
    private readonly DeciderPartition _partition = new();
    private EntityCache<TState> _cache;
    private readonly DecideContext<TRoot, TState, TEvent> _context;
    private readonly EventWriter<TEvent> _events;
    private readonly int _number;
    private readonly Topic _commandLog;
    private readonly Topic _handoverLog;
    private readonly TopicPartition _eventLog;
    private readonly TopicPartition _outcomes;
    private readonly MirrorLayout<TRoot, TState, TEvent> _layout;
    private readonly System.Text.Json.Serialization.Metadata.JsonTypeInfo<TState> _stateJson;
    private readonly Dictionary<string, (CommandHandler<TRoot, TState, TEvent> Handler, Func<ReadOnlySpan<byte>, object> Read)> _commands =
    [];

    private readonly ArrayBufferWriter<byte> _key = new(128);
    private readonly ArrayBufferWriter<byte> _value = new(1024);
    private readonly List<Entity<TState>> _dirty = [];
    private readonly Utf8JsonWriter _stateWriter;
    private readonly ArrayBufferWriter<byte> _stateBytes = new(256);
    private readonly EntitySeal? _seal;
    private readonly Outlets? _outlets;
    private ITransaction _transaction = null!;
    private CancellationToken _cancellation;
    private bool _loaded;

    public DecideProcessor(AggregateBuilder<TRoot, TState, TEvent> aggregate, DeciderSetup setup, int partition)
    {
        _aggregate = aggregate;
        _setup = setup;
        _counters = setup.Counters(partition);
        _cache = new EntityCache<TState>(setup.Options.CachedEntities);
        _layout = new MirrorLayout<TRoot, TState, TEvent>(aggregate);
        _context = new DecideContext<TRoot, TState, TEvent>(aggregate.Name, _layout);
        _number = partition;
        _commandLog = setup.Application.Commands(aggregate);
        _handoverLog = setup.Application.Handover(aggregate, setup.Generation);
        _eventLog = new TopicPartition(setup.Application.Events(aggregate), partition);
        _outcomes = new TopicPartition(setup.Application.Outcomes(aggregate), partition);
        _seal = setup.Seals?.For(aggregate);
        _outlets = setup.Outlets?.Invoke(aggregate, partition);
        _events = new EventWriter<TEvent>(
            setup.Application.Topology.JsonType<TEvent>(),
            _eventLog,
            setup.Application.Publisher(aggregate),
            _seal
        );
        _stateJson = setup.Application.Topology.JsonType<TState>();
        _stateWriter = new Utf8JsonWriter(_stateBytes, new JsonWriterOptions { SkipValidation = true });
        foreach (var handler in aggregate.Commands)
        {
            var read = handler.Reader(setup.Application.Topology);
            foreach (var name in CommandNames.Of(setup.Application.Topology.JsonType(handler.Type)!))
            {
                _commands[name] = (handler, read);
            }
        }
    }

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        _transaction = _outlets?.Begin(transaction) ?? transaction;
        _cancellation = cancellation;
        if (!_loaded)
        {
            _partition.Load(transaction);
            _layout.Load(transaction);
            _required = RequiredReferences();
            _drops = Array.Exists(_layout.Rows, row => row.Orphans == Orphans.Drop);
            LoadGrowth();
            _loaded = true;
        }
        var isHandover = batch.Source.Topic.Name == _handoverLog.Name;
        foreach (ref readonly var record in batch.Records.Span)
        {
            cancellation.ThrowIfCancellationRequested();
            if (isHandover)
            {
                TakeOver(record);
            }
            else if (KeepsWhatComes)
            {
                Keep(record);
            }
            else
            {
                Handle(record);
            }
        }
        StepBacklog();
        StepSweeps();
        StepMoves();
        ForgetOldIdempotencyKeys();
        WriteDirty();
        SayWhatWasDropped();
        _partition.Save(transaction);
        _outlets?.Save(transaction);
        _counters.Waiting = _partition.Waiting;
        _counters.Time = _partition.Time;
        Volatile.Write(ref _counters.Heartbeat, Instants.Of(_setup.Clock.GetUtcNow()));
        var progress = new Progress(
            More: _partition.Sweeps.Count > 0 || _moves.Count > 0 || (_isComplete && KeepsWhatComes) || _outlets is { HasMore: true },
            WakeAfter: _outlets is { IsWaiting: true } ? Outlets.Look : Heartbeats.Interval
        );
        return _seal is null ? new ValueTask<Progress>(progress) : _setup.Seals!.SavedAsync(_seal, progress, cancellation);
    }

    public void Committed() { }

    public ValueTask DisposeAsync()
    {
        _stateWriter.Dispose();
        _events.Dispose();
        _seal?.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Whether a decision failed by itself: its entity is parked. Else the group is being stopped in the middle of it, or the engine cannot go on:
    /// the transaction is dropped.
    /// </summary>
    private bool IsOfItsOwn(Exception failure) =>
        failure is not OutOfMemoryException and not EngineException
        && !(failure is OperationCanceledException && _cancellation.IsCancellationRequested);

    private void Handle(in Record record)
    {
        if (_map is not null && !record.Key.IsEmpty && HasLeft(record.Key.Span))
        {
            Forward(record);
            return;
        }
        var headers = new RecordHeaders(record.Headers.Span);
        if (headers.Kind != RecordKind.Control || headers[Header.Type].SequenceEqual(Controls.Tick))
        {
            // Marks, settings and reference rows are written by the wall clock; they do not move time.
            _partition.Pass(record.Time);
        }
        switch (headers.Kind)
        {
            case RecordKind.Changes:
                if (Applies(headers) && TryOpen(record, headers, out var changes))
                {
                    _counters.Commands++;
                    HandleChanges(Load(record.Key.Span), record.Time, record.Headers.Span, changes);
                }
                break;
            case RecordKind.Message:
                _counters.Commands++;
                HandleNative(record);
                break;
            default:
                HandleControl(record, headers);
                break;
        }
    }

    /// <summary>Whether a record is above the highest source position applied; a record without a position always is.</summary>
    private bool Applies(RecordHeaders headers)
    {
        if (!headers.TryGet(Header.Position, out var position) || _partition.Advance(SourcePosition.Read(position)))
        {
            return true;
        }
        _counters.Repeated++;
        return false;
    }

    /// <summary>A record's value; false where it is of what was erased, which is as if it had never been.</summary>
    private bool TryOpen(in Record record, RecordHeaders headers, out ReadOnlySpan<byte> value)
    {
        value = record.Value.Span;
        return _seal is null || _seal.TryOpen(record.Key.Span, headers[Header.Id], value, out value);
    }

    private void HandleControl(in Record record, RecordHeaders headers)
    {
        var type = headers[Header.Type];
        if (Controls.Travels(type))
        {
            Travel(record, type);
            if (type.SequenceEqual(Controls.SnapshotsEnded))
            {
                TablesAreWhole(Encoding.UTF8.GetString(headers[Header.Id]), record.Time);
            }
        }
        else if (type.SequenceEqual(Controls.SnapshotBegan))
        {
            var mark = Body(record, MillraceJson.Default.SnapshotMark);
            _partition.SnapshotBegan(mark.Table, mark.Snapshot);
        }
        else if (type.SequenceEqual(Controls.SnapshotEnded) || type.SequenceEqual(Controls.Truncated))
        {
            if (Applies(headers))
            {
                var mark = Body(record, MillraceJson.Default.SnapshotMark);
                _partition.SnapshotBegan(mark.Table, mark.Snapshot);
                _partition.SweepBegins(
                    new Sweep
                    {
                        Table = mark.Table,
                        Snapshot = mark.Snapshot,
                        Id = Encoding.UTF8.GetString(headers[Header.Id]),
                        Time = record.Time,
                    }
                );
            }
        }
        else if (type.SequenceEqual(Controls.Reference))
        {
            if (Applies(headers))
            {
                HandleReference(record);
            }
        }
        else if (type.SequenceEqual(Controls.Erased))
        {
            Erase(record);
        }
        else if (type.SequenceEqual(Controls.Fence))
        {
            _transaction = _outlets?.Pass(record, Body(record, MillraceJson.Default.FenceRecord)) ?? _transaction;
        }
        else if (type.SequenceEqual(Controls.Grown))
        {
            Grow(record);
        }
        else if (Controls.IsDeed(type))
        {
            Operate(record, Body(record, MillraceJson.Default.OperatorRecord), type.SequenceEqual(Controls.Skip));
        }
        else
        {
            throw new InvalidOperationException(
                $"The command log {_commandLog.Name} has a record of type \"{Encoding.UTF8.GetString(type)}\" at offset {record.Offset} that this version of Millrace does not know. Run the version that wrote it, or a later one."
            );
        }
    }

    private static T Body<T>(in Record record, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(record.Value.Span, type)
        ?? throw new FormatException($"A control record at offset {record.Offset} has no body.");

    /// <summary>The entity at hand: from the cache, from the state, or new.</summary>
    private Entity<TState> Load(ReadOnlySpan<byte> key)
    {
        if (_cache.Find(key) is { } cached)
        {
            return cached;
        }
        var entity = new Entity<TState>(key.ToArray(), _layout.Rows.Length) { State = _aggregate.Initial };
        StateKeys.Begin(_key, StateKeys.Entity, key);
        if (_transaction.TryGet(_key.WrittenSpan, out var value))
        {
            var state = entity.Read(value);
            if (!state.IsEmpty)
            {
                entity.State = JsonSerializer.Deserialize(state, _stateJson)!;
                entity.SetState(state);
            }
        }
        _cache.Add(entity);
        return entity;
    }

    /// <summary>Where the records of an entity go: its partition of the event log, and of the outcome log, is what it was at first, whoever decides.</summary>
    private TopicPartition Of(TopicPartition log, ReadOnlySpan<byte> key) =>
        _isAdded ? log with { Partition = Slots.PartitionOf(key, log.Topic.Partitions) } : log;

    private void Touch(Entity<TState> entity)
    {
        if (!entity.Dirty)
        {
            entity.Dirty = true;
            _dirty.Add(entity);
        }
    }

    /// <summary>Writes each entity that the batch changed, once.</summary>
    private void WriteDirty()
    {
        foreach (var entity in _dirty)
        {
            StateKeys.Begin(_key, StateKeys.Entity, entity.Key);
            if (entity.IsEmpty)
            {
                _transaction.Delete(_key.WrittenSpan);
            }
            else
            {
                _value.ResetWrittenCount();
                entity.Write(_value, StateBytes(entity));
                _transaction.Put(_key.WrittenSpan, _value.WrittenSpan);
            }
            CountWaiting(entity);
            entity.Dirty = false;
        }
        _dirty.Clear();
    }

    private ReadOnlySpan<byte> StateBytes(Entity<TState> entity)
    {
        if (ReferenceEquals(entity.State, _aggregate.Initial))
        {
            return default;
        }
        if (entity.StateLength == 0)
        {
            _stateBytes.ResetWrittenCount();
            _stateWriter.Reset(_stateBytes);
            JsonSerializer.Serialize(_stateWriter, entity.State, _stateJson);
            _stateWriter.Flush();
            entity.SetState(_stateBytes.WrittenSpan);
        }
        return entity.StateJson;
    }
}

/// <summary>How often a loop without work shows that it lives.</summary>
internal static class Heartbeats
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
}

/// <summary>The durable names of a type of native commands.</summary>
internal static class CommandNames
{
    public static IEnumerable<string> Of(System.Text.Json.Serialization.Metadata.JsonTypeInfo type) =>
        (type.PolymorphismOptions?.DerivedTypes ?? []).Select(derived => derived.TypeDiscriminator?.ToString() ?? derived.DerivedType.Name);
}
