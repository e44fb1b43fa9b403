using System.Buffers;
using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Where the events and outcomes of one deciding partition go, by the fences in its command log. The live generation's go to the logs that everybody
/// reads; what any other decides goes to its own log, and so does what a later generation decides while it is live.
/// </summary>
/// <remarks>
/// A generation that becomes live keeps what it has for everybody in its state until the one before has passed the fence: then every event of the
/// one before stands before its own. It is the transaction that the decider writes to, so that nothing else in a decider knows of generations; the
/// first generation, as long as it is live, writes past it.
/// </remarks>
/// <param name="application">The names.</param>
/// <param name="aggregate">The aggregate.</param>
/// <param name="partition">The partition.</param>
/// <param name="generation">Whose they are.</param>
/// <param name="committed">The offset up to which a group has committed an input.</param>
internal sealed class Outlets(
    Application application,
    AggregateDefinition aggregate,
    int partition,
    int generation,
    Func<string, TopicPartition, long> committed
) : ITransaction
{
    /// <summary>How often one that waits for another to pass the fence looks.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private const int Step = 4096;
    private const int Fixed = 25;

    // A partition that was added to the command log has no number of its own in the event logs.
    private readonly bool _isAdded = partition >= application.Partitions;

    private readonly TopicPartition _commands = new(application.Commands(aggregate), partition);
    private readonly TopicPartition _events = new(application.Events(aggregate), partition);
    private readonly TopicPartition _outcomes = new(application.Outcomes(aggregate), partition);
    private readonly TopicPartition _ownEvents = new(application.OwnEvents(aggregate, generation), partition);
    private readonly TopicPartition _ownOutcomes = new(application.OwnOutcomes(aggregate, generation), partition);
    private readonly byte[] _place = [StateKeys.Unpublished, 0, 0, 0, 0, 0, 0, 0, 0];
    private readonly ArrayBufferWriter<byte> _value = new(1024);
    private ITransaction _inner = null!;
    private OutletState _state = OutletState.First;
    private bool _loaded;
    private bool _changed;
    private bool _passed;

    /// <summary>Whether it waits for the one before to pass the fence.</summary>
    public bool IsWaiting => _state.IsWaiting && !_passed;

    /// <summary>Whether it has more to hand on now.</summary>
    public bool HasMore => _state.IsWaiting && _passed;

    /// <summary>The generation that is live at the position that was reached.</summary>
    public int Live => _state.Live;

    private bool IsLive => _state.Live == generation;

    private bool IsPlain => generation == Application.Generation && IsLive && !_state.IsWaiting;

    /// <summary>Begins with a transaction, and hands on some of what waited where it may.</summary>
    /// <returns>What the decider writes to.</returns>
    public ITransaction Begin(ITransaction transaction)
    {
        _inner = transaction;
        if (!_loaded)
        {
            _state = OutletState.Read(transaction);
            _loaded = true;
        }
        if (_state.IsWaiting)
        {
            HandOn();
        }
        return IsPlain ? transaction : this;
    }

    /// <summary>Another generation is live from here on.</summary>
    /// <returns>What the decider writes to from here on.</returns>
    public ITransaction Pass(in Record record, FenceRecord fence)
    {
        if (fence.Generation == _state.Live)
        {
            return IsPlain ? _inner : this;
        }
        if (IsLive && !_isAdded)
        {
            // The last of this one that everybody reads.
            Publish(_events, record.Time, [], record.Headers.Span, record.Value.Span);
        }
        var before = _state.Live;
        _state = _state with { Live = fence.Generation };
        if (WritesOwn && !_isAdded)
        {
            _inner.Append(_ownEvents, record.Time, [], record.Headers.Span, record.Value.Span);
        }
        if (IsLive)
        {
            _state = _state with { Before = before, Fence = record.Offset, IsWaiting = true };
            _passed = false;
        }
        _changed = true;
        return IsPlain ? _inner : this;
    }

    /// <summary>A partition that was added begins where those stood that it has its entities from.</summary>
    /// <returns>What the decider writes to from here on.</returns>
    public ITransaction TakeOver(int live)
    {
        _state = _state with { Live = live };
        _changed = true;
        return IsPlain ? _inner : this;
    }

    /// <summary>Writes what changed of where things go.</summary>
    public void Save(ITransaction transaction)
    {
        if (_changed)
        {
            _state.Write(transaction);
            _changed = false;
        }
    }

    public void Append(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        var isOutput = target.Topic.Name == _events.Topic.Name || target.Topic.Name == _outcomes.Topic.Name;
        if (!isOutput && target.Topic.Name != _commands.Topic.Name)
        {
            // State that it hands over is a generation's own.
            _inner.Append(target, time, key, headers, value);
            return;
        }
        if (WritesOwn && isOutput)
        {
            var own = target.Topic.Name == _events.Topic.Name ? _ownEvents : _ownOutcomes;
            _inner.Append(own with { Partition = target.Partition }, time, key, headers, value);
        }
        // Commands that came too late for the entity's old partition are passed on once, by the live one.
        if (IsLive)
        {
            Publish(target, time, key, headers, value);
        }
    }

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value) => _inner.TryGet(key, out value);

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false) => _inner.Range(from, to, descending);

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _inner.Put(key, value);

    public void Delete(ReadOnlySpan<byte> key) => _inner.Delete(key);

    /// <summary>The first generation's events up to the first fence are in the log that everybody reads, and nowhere else.</summary>
    private bool WritesOwn => generation != Application.Generation || !IsLive;

    /// <summary>Writes to a log that everybody reads, behind what waits.</summary>
    private void Publish(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        if (!_state.IsWaiting)
        {
            _inner.Append(target, time, key, headers, value);
            return;
        }
        _value.ResetWrittenCount();
        var head = _value.GetSpan(Fixed);
        head[0] =
            target.Topic.Name == _events.Topic.Name ? (byte)0
            : target.Topic.Name == _outcomes.Topic.Name ? (byte)1
            : (byte)2;
        BinaryPrimitives.WriteInt64LittleEndian(head[1..], time);
        BinaryPrimitives.WriteInt32LittleEndian(head[9..], key.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[13..], headers.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[17..], target.Partition);
        BinaryPrimitives.WriteInt32LittleEndian(head[21..], target.Topic.Partitions);
        _value.Advance(Fixed);
        _value.Write(key);
        _value.Write(headers);
        _value.Write(value);
        _inner.Put(Place(_state.Tail), _value.WrittenSpan);
        _state = _state with { Tail = _state.Tail + 1 };
        _changed = true;
    }

    private void HandOn()
    {
        // Committed past the fence, the one before has written its last to these logs.
        _passed = _passed || committed(application.DecideGroup(aggregate, _state.Before), _commands) > _state.Fence;
        if (!_passed)
        {
            return;
        }
        var (at, end) = (_state.Head, Math.Min(_state.Tail, _state.Head + Step));
        for (; at < end; at++)
        {
            var place = Place(at);
            if (!_inner.TryGet(place, out var waiting))
            {
                throw new EngineException(
                    $"The state of {application.DecideGroup(aggregate, generation)}[{partition}] lacks record {at} of those that wait to be published (up to {_state.Tail}). The state is damaged: go back with \"replay rollback\", or restore a backup."
                );
            }
            var key = BinaryPrimitives.ReadInt32LittleEndian(waiting[9..]);
            var headers = BinaryPrimitives.ReadInt32LittleEndian(waiting[13..]);
            var log = waiting[0] switch
            {
                0 => _events.Topic,
                1 => _outcomes.Topic,
                _ => _commands.Topic with { Partitions = BinaryPrimitives.ReadInt32LittleEndian(waiting[21..]) },
            };
            _inner.Append(
                new TopicPartition(log, BinaryPrimitives.ReadInt32LittleEndian(waiting[17..])),
                BinaryPrimitives.ReadInt64LittleEndian(waiting[1..]),
                waiting.Slice(Fixed, key),
                waiting.Slice(Fixed + key, headers),
                waiting[(Fixed + key + headers)..]
            );
            _inner.Delete(place);
        }
        _state = _state with { Head = at, IsWaiting = at < _state.Tail };
        _changed = true;
    }

    private byte[] Place(long number)
    {
        BinaryPrimitives.WriteInt64BigEndian(_place.AsSpan(1), number);
        return _place;
    }
}

/// <summary>What a deciding partition remembers of the fences it has passed.</summary>
/// <param name="Live">The generation that is live at its position.</param>
/// <param name="Before">The one that was before it.</param>
/// <param name="Fence">The offset of the fence between them, where this one is live.</param>
/// <param name="IsWaiting">Whether what it has for everybody is kept until the one before has passed the fence.</param>
/// <param name="Head">The number of the first record that is kept.</param>
/// <param name="Tail">The number of the next one.</param>
internal readonly record struct OutletState(int Live, int Before, long Fence, bool IsWaiting, long Head, long Tail)
{
    private const int Size = 33;

    public static OutletState First => new(Application.Generation, 0, -1, false, 0, 0);

    public static OutletState Read(IStateReader state) =>
        state.TryGet(StateKeys.Generation, out var bytes)
            ? new(
                BinaryPrimitives.ReadInt32LittleEndian(bytes),
                BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
                bytes[16] != 0,
                BinaryPrimitives.ReadInt64LittleEndian(bytes[17..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[25..])
            )
            : First;

    public void Write(ITransaction transaction)
    {
        Span<byte> bytes = stackalloc byte[Size];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Live);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], Before);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], Fence);
        bytes[16] = IsWaiting ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt64LittleEndian(bytes[17..], Head);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[25..], Tail);
        transaction.Put(StateKeys.Generation, bytes);
    }
}
