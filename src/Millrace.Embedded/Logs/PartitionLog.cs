using System.Buffers.Binary;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded.Logs;

/// <summary>Who wants to know that a log has grown.</summary>
internal interface IWake
{
    /// <summary>There may be something to read. Called by the committing or the syncing thread: must not block.</summary>
    void Wake();
}

/// <summary>One partition of one topic: where it ends, its recent blocks, and who waits for more.</summary>
internal sealed class PartitionLog
{
    public const int KeyLength = 16;

    private readonly Lock _gate = new();
    private readonly ulong _prefix;
    private readonly List<LogBlock> _recent = [];
    private int _oldest;
    private long _end;
    private long _durableEnd;
    private IWake[] _waiting = [];
    private IWake[] _waitingForDurable = [];

    public PartitionLog(TopicPartition source, int topicId, long end)
    {
        Name = source.ToString();
        _prefix = ((ulong)(uint)topicId << 32) | (uint)source.Partition;
        _end = end;
        _durableEnd = end;
        NextFirst = end;
    }

    public string Name { get; }

    /// <summary>The offset after the last committed record.</summary>
    public long End => Volatile.Read(ref _end);

    /// <summary>The offset after the last record that is synced.</summary>
    public long DurableEnd => Volatile.Read(ref _durableEnd);

    /// <summary>The offset the next block begins at, ahead of <see cref="End"/> while a commit is being put together. Under the commit gate.</summary>
    public long NextFirst { get; set; }

    /// <summary>Whether it has grown since the last sync began. Used by the committer and the syncer, under the commit gate.</summary>
    public bool Unsynced { get; set; }

    /// <summary>Where it ended when the running sync began. Used by the syncer.</summary>
    public long Syncing { get; set; }

    /// <summary>The stored key of the block that begins at an offset.</summary>
    public void WriteKey(Span<byte> key, long first)
    {
        BinaryPrimitives.WriteUInt64BigEndian(key, _prefix);
        BinaryPrimitives.WriteInt64BigEndian(key[8..], first);
    }

    /// <summary>Whether a stored key is one of this partition's; then also the offset its block begins at.</summary>
    public bool Owns(ReadOnlySpan<byte> key, out long first)
    {
        first = BinaryPrimitives.ReadInt64BigEndian(key[8..]);
        return BinaryPrimitives.ReadUInt64BigEndian(key) == _prefix;
    }

    /// <summary>Finds where a stored log ends.</summary>
    public static long StoredEnd(RocksIterator iterator, int topicId, int partition)
    {
        Span<byte> key = stackalloc byte[KeyLength];
        BinaryPrimitives.WriteInt32BigEndian(key, topicId);
        BinaryPrimitives.WriteInt32BigEndian(key[4..], partition);
        BinaryPrimitives.WriteInt64BigEndian(key[8..], long.MaxValue);
        return iterator.SeekForPrevious(key) && iterator.Key[..8].SequenceEqual(key[..8])
            ? BinaryPrimitives.ReadInt64BigEndian(iterator.Key[8..]) + LogBlock.CountOf(iterator.Value)
            : 0;
    }

    /// <summary>Makes a stored block readable. The log takes over the caller's hold on it.</summary>
    public void Publish(LogBlock block)
    {
        lock (_gate)
        {
            _recent.Add(block);
            Volatile.Write(ref _end, block.End);
        }
    }

    /// <summary>Makes what was synced readable for those who read only that.</summary>
    public void PublishDurable(long end) => Volatile.Write(ref _durableEnd, end);

    /// <summary>Lets its oldest recent block go.</summary>
    /// <returns>The bytes that it held.</returns>
    public int DropOldest()
    {
        LogBlock block;
        lock (_gate)
        {
            block = _recent[_oldest];
            _recent[_oldest++] = null!;
            if (_oldest >= 64 && _oldest * 2 >= _recent.Count)
            {
                _recent.RemoveRange(0, _oldest);
                _oldest = 0;
            }
        }
        var bytes = block.Bytes.Length;
        block.Release();
        return bytes;
    }

    /// <summary>Holds the recent block that has an offset; null where only the store has it.</summary>
    public LogBlock? HoldRecent(long offset)
    {
        lock (_gate)
        {
            if (_oldest == _recent.Count || offset < _recent[_oldest].First || offset >= _end)
            {
                return null;
            }
            int low = _oldest,
                high = _recent.Count - 1;
            while (low < high)
            {
                var middle = (low + high + 1) >>> 1;
                if (_recent[middle].First <= offset)
                {
                    low = middle;
                }
                else
                {
                    high = middle - 1;
                }
            }
            var block = _recent[low];
            block.Hold();
            return block;
        }
    }

    public void Subscribe(IWake waiter, bool durable)
    {
        lock (_gate)
        {
            ref var waiting = ref durable ? ref _waitingForDurable : ref _waiting;
            waiting = [.. waiting, waiter];
        }
    }

    public void Unsubscribe(IWake waiter, bool durable)
    {
        lock (_gate)
        {
            ref var waiting = ref durable ? ref _waitingForDurable : ref _waiting;
            waiting = Array.FindAll(waiting, w => w != waiter);
        }
    }

    public void Wake(bool durable)
    {
        foreach (var waiter in durable ? _waitingForDurable : _waiting)
        {
            waiter.Wake();
        }
    }
}
