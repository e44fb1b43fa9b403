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

    private readonly KeyBuffer _key = new();
    private readonly KeyBuffer _value = new();
    private readonly KeyBuffer _from = new();
    private readonly List<(byte[] Key, Incoming Item)> _chunk = [];

    // Nothing is kept before this moment: a walk that began at the first key would pass every entry deleted since the last compaction.
    private long _first = Moment.None;

    public long Count { get; private set; }

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
        if (!manyFeeds)
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
        if (manyFeeds && _first > reached)
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
            if (_chunk.Count == most || (manyFeeds && (isControl ? moment > reached : moment >= reached)))
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

/// <summary>The moment each feed has reached. A feed is a partition of the event log; a reaction per entity has one.</summary>
internal sealed class FeedClock(int feeds)
{
    private readonly long[] _reached = new long[feeds];
    private readonly bool[] _changed = new bool[feeds];

    public long this[int feed] => _reached[feed];

    /// <summary>The moment that every feed has reached.</summary>
    public long Least => _reached.Min();

    public void Load(IStateReader state)
    {
        for (var feed = 0; feed < feeds; feed++)
        {
            _reached[feed] = state.TryGet(Key(feed), out var saved) ? BinaryPrimitives.ReadInt64LittleEndian(saved) : Moment.None;
        }
    }

    public void Advance(int feed, long moment)
    {
        if (moment > _reached[feed])
        {
            _reached[feed] = moment;
            _changed[feed] = true;
        }
    }

    public void Save(ITransaction transaction)
    {
        Span<byte> moment = stackalloc byte[8];
        for (var feed = 0; feed < feeds; feed++)
        {
            if (_changed[feed])
            {
                BinaryPrimitives.WriteInt64LittleEndian(moment, _reached[feed]);
                transaction.Put(Key(feed), moment);
                _changed[feed] = false;
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
