using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Events and controls that wait until every feed has come past them, in the order in which they will be handled: by moment; at one moment
/// controls first, then events by time and id. Where there is one feed, its own order. The bytes are durable.
/// </summary>
internal sealed class EventBuffer(bool manyFeeds)
{
    private const byte Kind = 4;

    private readonly bool _manyFeeds = manyFeeds;

    private readonly KeyBuffer _key = new();
    private readonly KeyBuffer _value = new();
    private readonly KeyBuffer _from = new();
    private readonly List<(byte[] Key, Incoming Item)> _chunk = [];

    // Nothing is kept before this moment: a walk that began at the first key would pass every entry deleted since the last compaction.
    private long _first = Moment.None;

    public long Count { get; private set; }

    /// <summary>Whether what comes waits until every feed has come past it: always where there are many, and where partitions were added to the command log.</summary>
    public bool Waits { get; set; } = manyFeeds;

    /// <summary>The time of the tick that would let the first go; <see cref="TimerRegistry.Never"/> where none waits.</summary>
    public long NextDue { get; private set; } = TimerRegistry.Never;

    public void Load(IStateReader state)
    {
        Count = 0;
        using var cursor = state.Range([Kind], [Kind + 1]);
        while (cursor.MoveNext())
        {
            if (Count++ == 0)
            {
                NextDue = DueOf(cursor.Key);
                _first = KeyBuffer.ReadNumber(cursor.Key[1..]);
            }
        }
    }

    public void Add(ITransaction transaction, in Incoming item, bool isControl, ReadOnlySpan<byte> id, long offset)
    {
        _key.Start(Kind).Number(item.Moment);
        if (!_manyFeeds)
        {
            _key.Raw([1]).Number(offset);
        }
        else if (isControl)
        {
            _key.Raw([0]).Number(item.Feed).Number(offset);
        }
        else
        {
            _key.Raw([1]).Number(item.Time).Raw(id);
        }
        item.Write(_value.Clear());
        transaction.Put(_key, _value);
        NextDue = Math.Min(NextDue, DueOf(_key));
        _first = Math.Min(_first, item.Moment);
        Count++;
    }

    /// <summary>The first items that may be handled: those all feeds have come past, and controls that they have come to. They stay until removed.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="reached">The moment that every feed has reached.</param>
    /// <param name="most">How many at most.</param>
    public List<(byte[] Key, Incoming Item)> Ready(ITransaction transaction, long reached, int most)
    {
        _chunk.Clear();
        if (Waits && _first > reached)
        {
            return _chunk;
        }
        NextDue = TimerRegistry.Never;
        using var cursor = transaction.Range(_from.Start(Kind).Number(_first), [Kind + 1]);
        while (cursor.MoveNext())
        {
            var moment = KeyBuffer.ReadNumber(cursor.Key[1..]);
            if (_chunk.Count == 0)
            {
                _first = moment;
            }
            var isControl = cursor.Key[9] == 0;
            if (_chunk.Count == most || (Waits && (isControl ? moment > reached : moment >= reached)))
            {
                NextDue = DueOf(cursor.Key);
                break;
            }
            _chunk.Add((cursor.Key.ToArray(), Incoming.Read(cursor.Value.ToArray())));
        }
        return _chunk;
    }

    public void Remove(ITransaction transaction, byte[] key)
    {
        transaction.Delete(key);
        Count--;
    }

    private static long DueOf(ReadOnlySpan<byte> key)
    {
        var moment = KeyBuffer.ReadNumber(key[1..]);
        return key[9] == 0 ? Moment.TimeOf(moment) : Moment.TickBeyond(moment);
    }
}

/// <summary>
/// The moment each feed has reached. A feed is a partition of the event log; a reaction per entity has one. Where partitions were added to the command log,
/// one partition of the event log has several (see <see cref="Feeders"/>), which join later.
/// </summary>
internal sealed class FeedClock(int feeds)
{
    private const byte JoinedMark = (byte)'j';

    private readonly Dictionary<int, int> _joined = [];
    private readonly List<int> _numbers = [.. Enumerable.Range(0, feeds)];
    private long[] _reached = new long[feeds];
    private bool[] _changed = new bool[feeds];

    public long this[int feed] => _reached[At(feed)];

    /// <summary>The moment that every feed has reached.</summary>
    public long Least => _reached.Min();

    /// <summary>Whether feeds have joined.</summary>
    public bool HasGrown => _joined.Count > 0;

    public void Load(IStateReader state)
    {
        using (var cursor = state.Range(ReactionKeys.OfFeed(JoinedMark, 0), ReactionKeys.OfFeed(JoinedMark + 1, 0)))
        {
            while (cursor.MoveNext())
            {
                Add(BinaryPrimitives.ReadInt32BigEndian(cursor.Key[2..]), Moment.None);
            }
        }
        for (var at = 0; at < _reached.Length; at++)
        {
            _reached[at] = state.TryGet(Key(_numbers[at]), out var saved) ? BinaryPrimitives.ReadInt64LittleEndian(saved) : Moment.None;
        }
    }

    public void Advance(int feed, long moment)
    {
        var at = At(feed);
        if (moment > _reached[at])
        {
            _reached[at] = moment;
            _changed[at] = true;
        }
    }

    /// <summary>A feed joins, where another one was: it has come as far as that.</summary>
    public void Join(ITransaction transaction, int feed, int after)
    {
        if (!_joined.ContainsKey(feed))
        {
            transaction.Put(ReactionKeys.OfFeed(JoinedMark, feed), [1]);
            Add(feed, this[after]);
            _changed[^1] = true;
        }
        else
        {
            // It comes from several. What the last of them has handed over may be the earliest; it has brought nothing yet.
            _reached[At(feed)] = Math.Min(_reached[At(feed)], this[after]);
            _changed[At(feed)] = true;
        }
    }

    private int At(int feed) =>
        feed < feeds ? feed
        : _joined.TryGetValue(feed, out var at) ? at
        : throw new InvalidOperationException(
            $"A record comes from feed {feed}, which nothing before it in the log has announced. The log is not whole."
        );

    private void Add(int feed, long reached)
    {
        _joined[feed] = _numbers.Count;
        _numbers.Add(feed);
        _reached = [.. _reached, reached];
        _changed = [.. _changed, false];
    }

    public void Save(ITransaction transaction)
    {
        Span<byte> moment = stackalloc byte[8];
        for (var at = 0; at < _reached.Length; at++)
        {
            if (_changed[at])
            {
                BinaryPrimitives.WriteInt64LittleEndian(moment, _reached[at]);
                transaction.Put(Key(_numbers[at]), moment);
                _changed[at] = false;
            }
        }
    }

    private static byte[] Key(int feed) => ReactionKeys.OfFeed((byte)'c', feed);
}

/// <summary>Keys of a reaction's state that are not a key's own.</summary>
internal static class ReactionKeys
{
    /// <summary>The state of a key.</summary>
    public const byte State = 1;

    /// <summary>An event counted in a sliding window.</summary>
    public const byte Counted = 6;

    /// <summary>Something known of a feed.</summary>
    public static byte[] OfFeed(byte what, int feed)
    {
        var key = new byte[6] { 5, what, 0, 0, 0, 0 };
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(2), feed);
        return key;
    }
}
