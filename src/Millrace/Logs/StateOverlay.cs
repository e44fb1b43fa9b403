using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Millrace.Engines;

/// <summary>
/// The uncommitted writes of one transaction: found by key through a hash table, walked in key order through an index that is
/// brought up to date only when somebody asks for order. Keys and values live in one growing buffer, so that a write allocates nothing.
/// </summary>
internal sealed class StateOverlay
{
    private const int Deleted = -1;

    private struct Entry
    {
        public uint Hash;
        public int Next;
        public int KeyAt;
        public int KeyLength;
        public int ValueAt;
        public int ValueLength;
        public int ValueRoom;
    }

    private byte[] _bytes = [];
    private int _used;
    private Entry[] _entries = new Entry[16];
    private int[] _buckets = new int[32];
    private int[] _sorted = new int[16];
    private int[] _scratch = [];
    private int _sortedCount;

    /// <summary>How many keys were written or deleted.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of keys and values held.</summary>
    public int Size => _used;

    /// <summary>Forgets everything and keeps the buffers.</summary>
    public void Clear()
    {
        if (Count > 0)
        {
            Array.Clear(_buckets);
        }
        Count = 0;
        _used = 0;
        _sortedCount = 0;
    }

    /// <summary>Writes a key.</summary>
    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        ref var entry = ref FindOrAdd(key);
        if (value.Length > entry.ValueRoom)
        {
            // A little room to grow, so that a value rewritten again and again stays in its place.
            entry.ValueRoom = (value.Length + (value.Length >> 3) + 7) & ~7;
            entry.ValueAt = Take(entry.ValueRoom);
        }
        value.CopyTo(_bytes.AsSpan(entry.ValueAt));
        entry.ValueLength = value.Length;
    }

    /// <summary>Marks a key as deleted.</summary>
    public void Delete(ReadOnlySpan<byte> key) => FindOrAdd(key).ValueLength = Deleted;

    /// <summary>Looks a key up.</summary>
    /// <returns>Whether the transaction wrote or deleted it.</returns>
    public bool TryGet(ReadOnlySpan<byte> key, out bool deleted, out ReadOnlySpan<byte> value)
    {
        var index = Find(key, Hash(key));
        if (index < 0)
        {
            deleted = false;
            value = default;
            return false;
        }
        ref var entry = ref _entries[index];
        deleted = entry.ValueLength == Deleted;
        value = deleted ? default : _bytes.AsSpan(entry.ValueAt, entry.ValueLength);
        return true;
    }

    /// <summary>A key by the order of first writing, from 0 to <see cref="Count"/>.</summary>
    public ReadOnlySpan<byte> Key(int index)
    {
        ref var entry = ref _entries[index];
        return _bytes.AsSpan(entry.KeyAt, entry.KeyLength);
    }

    /// <summary>Whether the key was deleted, by the order of first writing.</summary>
    public bool IsDeleted(int index) => _entries[index].ValueLength == Deleted;

    /// <summary>A value by the order of first writing; empty where it was deleted.</summary>
    public ReadOnlySpan<byte> Value(int index)
    {
        ref var entry = ref _entries[index];
        return entry.ValueLength == Deleted ? default : _bytes.AsSpan(entry.ValueAt, entry.ValueLength);
    }

    /// <summary>The key at a place in key order. Call <see cref="Sort"/> after the last write and before this.</summary>
    public ReadOnlySpan<byte> KeyAt(int place) => Key(_sorted[place]);

    /// <summary>Whether the key at a place in key order was deleted.</summary>
    public bool IsDeletedAt(int place) => IsDeleted(_sorted[place]);

    /// <summary>The value at a place in key order.</summary>
    public ReadOnlySpan<byte> ValueAt(int place) => Value(_sorted[place]);

    /// <summary>The first place whose key is not below this one.</summary>
    public int LowerBound(ReadOnlySpan<byte> key)
    {
        int low = 0,
            high = _sortedCount;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (KeyAt(middle).SequenceCompareTo(key) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low;
    }

    /// <summary>Brings the order up to date.</summary>
    public void Sort()
    {
        var fresh = Count - _sortedCount;
        if (fresh == 0)
        {
            return;
        }
        if (_sorted.Length < Count)
        {
            Array.Resize(ref _sorted, _entries.Length);
        }
        // A few new keys among many are moved into place, which is a copy of integers; more are sorted by themselves and merged, which
        // compares with every key there is.
        if (fresh <= 64 && fresh < _sortedCount)
        {
            for (; _sortedCount < Count; _sortedCount++)
            {
                var index = _sortedCount;
                var place = LowerBound(Key(index));
                Array.Copy(_sorted, place, _sorted, place + 1, _sortedCount - place);
                _sorted[place] = index;
            }
            return;
        }
        if (_scratch.Length < fresh)
        {
            _scratch = new int[_entries.Length];
        }
        var added = _scratch.AsSpan(0, fresh);
        for (var i = 0; i < fresh; i++)
        {
            added[i] = _sortedCount + i;
        }
        added.Sort(new ByKey(this));
        int left = _sortedCount - 1,
            right = fresh - 1,
            to = Count - 1;
        while (right >= 0)
        {
            if (left >= 0 && Key(_sorted[left]).SequenceCompareTo(Key(added[right])) > 0)
            {
                _sorted[to--] = _sorted[left--];
            }
            else
            {
                _sorted[to--] = added[right--];
            }
        }
        _sortedCount = Count;
    }

    private int Find(ReadOnlySpan<byte> key, uint hash)
    {
        var index = _buckets[hash & (uint)(_buckets.Length - 1)] - 1;
        while (index >= 0)
        {
            ref var entry = ref _entries[index];
            if (entry.Hash == hash && key.SequenceEqual(_bytes.AsSpan(entry.KeyAt, entry.KeyLength)))
            {
                return index;
            }
            index = entry.Next;
        }
        return -1;
    }

    private ref Entry FindOrAdd(ReadOnlySpan<byte> key)
    {
        var hash = Hash(key);
        var index = Find(key, hash);
        if (index >= 0)
        {
            return ref _entries[index];
        }
        if (Count == _entries.Length)
        {
            Grow();
        }
        var at = Take(key.Length);
        key.CopyTo(_bytes.AsSpan(at));
        ref var bucket = ref _buckets[hash & (uint)(_buckets.Length - 1)];
        ref var entry = ref _entries[Count];
        entry = new Entry
        {
            Hash = hash,
            Next = bucket - 1,
            KeyAt = at,
            KeyLength = key.Length,
        };
        bucket = ++Count;
        return ref entry;
    }

    private void Grow()
    {
        Array.Resize(ref _entries, Count * 2);
        _buckets = new int[Count * 4];
        for (var i = 0; i < Count; i++)
        {
            ref var bucket = ref _buckets[_entries[i].Hash & (uint)(_buckets.Length - 1)];
            _entries[i].Next = bucket - 1;
            bucket = i + 1;
        }
    }

    private int Take(int length)
    {
        var at = _used;
        var needed = (long)at + length;
        if (needed > _bytes.Length)
        {
            if (needed > Array.MaxLength)
            {
                throw new EngineException("A transaction wrote more than 2 GB of state; commit in smaller steps.");
            }
            var larger = GC.AllocateUninitializedArray<byte>(
                (int)Math.Min(Array.MaxLength, Math.Max(needed, Math.Max(4096, 2L * _bytes.Length)))
            );
            _bytes.AsSpan(0, at).CopyTo(larger);
            _bytes = larger;
        }
        _used = (int)needed;
        return at;
    }

    private static uint Hash(ReadOnlySpan<byte> key)
    {
        const ulong Factor = 0x9E37_79B9_7F4A_7C15;
        var hash = (ulong)key.Length * Factor;
        while (key.Length >= 8)
        {
            hash = BitOperations.RotateLeft((hash ^ MemoryMarshal.Read<ulong>(key)) * Factor, 29);
            key = key[8..];
        }
        if (key.Length >= 4)
        {
            hash = BitOperations.RotateLeft((hash ^ BinaryPrimitives.ReadUInt32LittleEndian(key)) * Factor, 29);
            key = key[4..];
        }
        foreach (var b in key)
        {
            hash = BitOperations.RotateLeft((hash ^ b) * Factor, 29);
        }
        // The upper half of a product depends on every bit of its factors.
        return (uint)(((hash ^ (hash >> 32)) * Factor) >> 32);
    }

    private readonly struct ByKey(StateOverlay overlay) : IComparer<int>
    {
        public int Compare(int x, int y) => overlay.Key(x).SequenceCompareTo(overlay.Key(y));
    }
}
