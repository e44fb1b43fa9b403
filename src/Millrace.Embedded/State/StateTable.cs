using System.Buffers.Binary;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded.State;

/// <summary>
/// The committed state of one partition of a group, or of an appender. A commit writes its state as one delta block and into memory;
/// only when enough has gathered are the written keys, each once, put into the store, and the delta blocks before dropped. So a key
/// written a hundred times is put once, and what was written or read lately is read from memory.
/// </summary>
internal sealed class StateTable
{
    public const int PrefixLength = 8;

    private readonly RocksStore _store;
    private readonly StateBudget _budget;
    private readonly Action<StateTable> _checkpoint;
    private readonly Lock _gate = new();
    private readonly byte[] _prefix = new byte[PrefixLength];

    // Read in this order: what was written since the last freeze, what was frozen for the checkpoint (or has gone through one, and
    // now serves as cache), what was read from the store since the last freeze, the store.
    private StateOverlay _active = new();
    private StateOverlay _frozen = new();
    private StateOverlay _read = new();
    private bool _checkpointing;
    private long _delta;
    private long _frozenDelta;
    private long _deltaBytes;
    private byte[] _loaded = new byte[1024];

    public StateTable(RocksStore store, int owner, int partition, StateBudget budget, Action<StateTable> checkpoint)
    {
        _store = store;
        _budget = budget;
        _checkpoint = checkpoint;
        BinaryPrimitives.WriteInt32BigEndian(_prefix, owner);
        BinaryPrimitives.WriteInt32BigEndian(_prefix.AsSpan(4), partition);
        Recover();
        budget.AddTable();
    }

    public byte[] Prefix => _prefix;

    public Lock Gate => _gate;

    public StateOverlay Active => _active;

    public StateOverlay Frozen => _frozen;

    /// <summary>Reads a key into a buffer, which grows as needed.</summary>
    /// <returns>The value's length, or -1 where there is none.</returns>
    public int Get(ReadOnlySpan<byte> key, ref byte[] buffer)
    {
        lock (_gate)
        {
            if (
                !_active.TryGet(key, out var deleted, out var value)
                && !_frozen.TryGet(key, out deleted, out value)
                && !_read.TryGet(key, out deleted, out value)
            )
            {
                var length = GetStored(key);
                if (_read.Size > _budget.TableBytes)
                {
                    _read.Clear();
                }
                if (length < 0)
                {
                    _read.Delete(key);
                    return -1;
                }
                value = _loaded.AsSpan(0, length);
                _read.Put(key, value);
            }
            if (deleted)
            {
                return -1;
            }
            if (buffer.Length < value.Length)
            {
                buffer = GC.AllocateUninitializedArray<byte>(Math.Max(value.Length, 256));
            }
            value.CopyTo(buffer);
            return value.Length;
        }
    }

    private int GetStored(ReadOnlySpan<byte> key)
    {
        var length = PrefixLength + key.Length;
        Span<byte> full = length <= 512 ? stackalloc byte[length] : new byte[length];
        _prefix.CopyTo(full);
        key.CopyTo(full[PrefixLength..]);
        return _store.Get(Families.State, full, ref _loaded);
    }

    /// <summary>The stored key of the next delta block. Called under the commit gate; <see cref="Apply"/> follows when it is stored.</summary>
    public void WriteNextDeltaKey(Span<byte> key) => WriteDeltaKey(key, _delta + 1);

    /// <summary>Makes the writes of a stored commit readable.</summary>
    public void Apply(StateOverlay writes, int deltaBytes)
    {
        var freeze = false;
        lock (_gate)
        {
            _delta++;
            _deltaBytes += deltaBytes;
            for (var i = 0; i < writes.Count; i++)
            {
                if (writes.IsDeleted(i))
                {
                    _active.Delete(writes.Key(i));
                }
                else
                {
                    _active.Put(writes.Key(i), writes.Value(i));
                }
            }
            if (
                !_checkpointing
                && (_active.Size > _budget.TableBytes || _deltaBytes > 8 * _budget.TableBytes || _delta - _frozenDelta > 100_000)
            )
            {
                Freeze();
                freeze = true;
            }
        }
        if (freeze)
        {
            _checkpoint(this);
        }
    }

    /// <summary>Hands everything written so far to a checkpoint, unless one is running or there is nothing.</summary>
    public bool TryFreeze()
    {
        lock (_gate)
        {
            if (_checkpointing || _delta == _frozenDelta)
            {
                return false;
            }
            Freeze();
            return true;
        }
    }

    private void Freeze()
    {
        (_frozen, _active) = (_active, _frozen);
        _active.Clear();
        _read.Clear();
        _frozen.Sort();
        _frozenDelta = _delta;
        _deltaBytes = 0;
        _checkpointing = true;
    }

    /// <summary>
    /// Puts what was frozen into the store in bounded steps, then drops the delta blocks before. A crash in between is harmless: the
    /// blocks are still there and say the same again, in order.
    /// </summary>
    public void Checkpoint(WriteBatch batch)
    {
        const int StepBytes = 256 << 10;
        var frozen = _frozen;
        var key = new byte[256];
        _prefix.CopyTo(key, 0);
        for (var i = 0; i < frozen.Count; )
        {
            batch.Clear();
            for (var bytes = 0; i < frozen.Count && bytes < StepBytes; i++)
            {
                var own = frozen.KeyAt(i);
                if (key.Length < PrefixLength + own.Length)
                {
                    Array.Resize(ref key, PrefixLength + own.Length);
                }
                own.CopyTo(key.AsSpan(PrefixLength));
                var full = key.AsSpan(0, PrefixLength + own.Length);
                if (frozen.IsDeletedAt(i))
                {
                    batch.Delete(Families.State, full);
                }
                else
                {
                    var value = frozen.ValueAt(i);
                    batch.Put(Families.State, full, value);
                    bytes += value.Length;
                }
                bytes += full.Length;
            }
            _store.Write(batch);
        }
        Span<byte> from = stackalloc byte[PrefixLength + 8];
        Span<byte> to = stackalloc byte[PrefixLength + 8];
        WriteDeltaKey(from, 0);
        WriteDeltaKey(to, _frozenDelta + 1);
        batch.Clear();
        batch.DeleteRange(Families.Delta, from, to);
        _store.Write(batch);
        batch.Clear();
        lock (_gate)
        {
            _checkpointing = false;
        }
    }

    private void WriteDeltaKey(Span<byte> key, long number)
    {
        _prefix.CopyTo(key);
        BinaryPrimitives.WriteInt64BigEndian(key[PrefixLength..], number);
    }

    private void Recover()
    {
        Span<byte> from = stackalloc byte[PrefixLength + 8];
        WriteDeltaKey(from, 0);
        using var iterator = _store.Iterate(Families.Delta);
        for (var found = iterator.Seek(from); found && iterator.Key.StartsWith(_prefix); found = iterator.Next())
        {
            var number = BinaryPrimitives.ReadInt64BigEndian(iterator.Key[PrefixLength..]);
            // Everything before the first block that is left has been through a checkpoint.
            _frozenDelta = _delta == 0 ? number - 1 : _frozenDelta;
            _delta = number;
            _deltaBytes += iterator.Value.Length;
            DeltaBlock.Replay(iterator.Value, _active);
        }
    }
}
