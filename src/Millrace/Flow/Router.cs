using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Carries one partition of an event log to the partitions where a view or reaction has its keys. Each record is stamped with this log's
/// moment, and after each batch every partition of the feed is told how far the log has come, so that what it lacks holds nobody up.
/// </summary>
/// <param name="name">The group's name.</param>
/// <param name="stage">The view or reaction it carries to.</param>
/// <param name="partition">The partition of the event log.</param>
/// <param name="feed">Where to.</param>
/// <param name="key">The key of an event, or null where it is nobody's business; user code.</param>
/// <param name="type">The event's JSON.</param>
/// <param name="services">Where what is wrong goes.</param>
/// <param name="seal">What decrypts events, where they are personal. They go on as they came.</param>
/// <param name="committed">Told after each commit.</param>
/// <remarks>Where partitions were added to the command log, each that decides for entities of this log has a moment of its own, and is a feed of its own.</remarks>
internal sealed class Router<TEvent>(
    string name,
    string stage,
    int partition,
    Topic feed,
    Func<TEvent, Context, string?> key,
    JsonTypeInfo<TEvent> type,
    DownstreamServices services,
    EntitySeal? seal,
    Action committed
) : IProcessor
    where TEvent : class
{
    private static ReadOnlySpan<byte> MomentKey => "moment"u8;
    private static ReadOnlySpan<byte> MomentsEnd => "momenu"u8;

    private readonly Context _context = new(default, default, false);
    private readonly Loop _loop = services.Loops.Of(name, partition);
    private readonly ParkedKeys _parked = new();
    private readonly KeyBuffer _headers = new();
    private readonly byte[] _number = new byte[8];
    private readonly byte[] _stamp = new byte[12];
    private byte[] _key = new byte[64];
    private bool _loaded;
    private readonly Feeders _feeders = new(partition);
    private readonly SortedDictionary<int, FeedMoment> _moments = [];
    private FeedMoment _own = null!;

    /// <summary>How far one partition of the command log has come in this log, and how far the feed was told.</summary>
    private sealed class FeedMoment(int feed, long reached)
    {
        public int Feed => feed;
        public long Reached { get; set; } = reached;
        public long Told { get; set; } = reached;
    }

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        if (!_loaded)
        {
            LoadMoments(transaction);
            _feeders.Load(transaction);
            _parked.Load(transaction);
            _loaded = true;
        }
        foreach (ref readonly var record in batch.Records.Span)
        {
            cancellation.ThrowIfCancellationRequested();
            var headers = new EventHeaders(record.Headers.Span);
            if (headers.IsControl)
            {
                Control(transaction, record, headers.Type);
            }
            else
            {
                var of = FeedOf(headers, record.Key.Span);
                of.Reached = Moment.AfterEvent(of.Reached, record.Time);
                Route(transaction, Incoming.Of(record, of.Feed, of.Reached), of);
            }
        }
        foreach (var of in _moments.Values)
        {
            if (of.Reached != of.Told)
            {
                SaveMoment(transaction, of);
                Broadcast(transaction, of, Moment.TimeOf(of.Reached), TickHeaders, default, default);
                of.Told = of.Reached;
            }
        }
        return new(_loop.Beat(false, null));
    }

    public void Committed() => committed();

    public ValueTask DisposeAsync()
    {
        seal?.Dispose();
        return ValueTask.CompletedTask;
    }

    private static ReadOnlySpan<byte> TickHeaders => ControlHeaders.Tick;

    private void Control(ITransaction transaction, in Record record, ReadOnlySpan<byte> controlType)
    {
        var of = FeedOf(new EventHeaders(record.Headers.Span), record.Key.Span);
        // A tick is not passed on by itself: the word at the end of the batch says the same.
        if (controlType.SequenceEqual(Controls.Tick))
        {
            of.Reached = Moment.AfterTick(of.Reached, record.Time);
            return;
        }
        if (controlType.SequenceEqual(Controls.Grown))
        {
            Join(transaction, record, of);
            return;
        }
        if (Controls.IsDeed(controlType))
        {
            Operate(transaction, record, controlType, of);
            return;
        }
        of.Reached = controlType.SequenceEqual(Controls.SnapshotsEnded)
            ? Moment.AfterSnapshots(of.Reached, record.Time)
            : Moment.AfterControl(of.Reached);
        if (controlType.SequenceEqual(Controls.Erased))
        {
            _parked.Forget(transaction, record.Key.Span);
        }
        Broadcast(transaction, of, record.Time, record.Headers.Span, record.Value.Span, record.Key.Span);
    }

    /// <summary>Entities left a partition of the command log; where they went decides for them from here on.</summary>
    private void Join(ITransaction transaction, in Record record, FeedMoment from)
    {
        var joined = new List<int>();
        foreach (var decider in _feeders.Grow(transaction, Feeders.Read(record.Value.Span)))
        {
            if (!_moments.TryGetValue(decider, out var of))
            {
                of = new FeedMoment(Feeders.FeedOf(decider, partition, feed.Partitions), from.Reached);
                _moments.Add(decider, of);
            }
            // Nothing of it has come yet; what the last of those it comes from has handed over may be the earliest.
            of.Reached = Math.Min(of.Reached, from.Reached);
            of.Told = of.Reached;
            SaveMoment(transaction, of);
            joined.Add(of.Feed);
        }
        if (joined.Count > 0)
        {
            var feeds = JsonSerializer.SerializeToUtf8Bytes([.. joined], MillraceJson.Default.Int32Array);
            Broadcast(transaction, from, record.Time, record.Headers.Span, feeds, default);
        }
    }

    private FeedMoment FeedOf(in EventHeaders headers, ReadOnlySpan<byte> entity)
    {
        var decider = _feeders.Of(headers, entity);
        return decider == partition ? _own
            : _moments.TryGetValue(decider, out var of) ? of
            : throw new InvalidOperationException(
                $"The event log has a record of partition {decider} of the command log in partition {partition}, which nothing before it has announced. The log is not whole."
            );
    }

    private void LoadMoments(ITransaction transaction)
    {
        _own = new FeedMoment(partition, Moment.None);
        _moments.Add(partition, _own);
        using var cursor = transaction.Range(MomentKey, MomentsEnd);
        while (cursor.MoveNext())
        {
            var reached = BinaryPrimitives.ReadInt64LittleEndian(cursor.Value);
            if (cursor.Key.Length == MomentKey.Length)
            {
                _own.Reached = reached;
                _own.Told = reached;
                continue;
            }
            var of = BinaryPrimitives.ReadInt32BigEndian(cursor.Key[MomentKey.Length..]);
            _moments.Add(of / feed.Partitions, new FeedMoment(of, reached));
        }
    }

    private void SaveMoment(ITransaction transaction, FeedMoment of)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_number, of.Reached);
        if (of == _own)
        {
            transaction.Put(MomentKey, _number);
            return;
        }
        Span<byte> key = stackalloc byte[MomentKey.Length + 4];
        MomentKey.CopyTo(key);
        BinaryPrimitives.WriteInt32BigEndian(key[MomentKey.Length..], of.Feed);
        transaction.Put(key, _number);
    }

    /// <summary>An operator's deed is for what is parked here, or for what is parked under the key below.</summary>
    private void Operate(ITransaction transaction, in Record record, ReadOnlySpan<byte> controlType, FeedMoment of)
    {
        if (!Deed.TryRead(controlType, record.Value.Span, stage, out var deed))
        {
            return;
        }
        of.Reached = Moment.AfterControl(of.Reached);
        Stamp(of, record.Headers.Span, default);
        var target = new TopicPartition(feed, Slots.PartitionOf(record.Key.Span, feed.Partitions));
        transaction.Append(target, record.Time, record.Key.Span, _headers, record.Value.Span);
        if (_parked.TryTake(transaction, record.Key.Span, deed, out var kept))
        {
            DownstreamLog.Operated(services.Logger, name, record.Key.Span, deed);
            foreach (var item in kept)
            {
                Route(transaction, item, of);
            }
        }
    }

    private void Broadcast(
        ITransaction transaction,
        FeedMoment of,
        long time,
        ReadOnlySpan<byte> headers,
        ReadOnlySpan<byte> value,
        ReadOnlySpan<byte> subject
    )
    {
        Stamp(of, headers, subject);
        for (var to = 0; to < feed.Partitions; to++)
        {
            transaction.Append(new TopicPartition(feed, to), time, default, _headers, value);
        }
    }

    private void Route(ITransaction transaction, in Incoming item, FeedMoment of)
    {
        if (_parked.Holds(transaction, item.Key.Span))
        {
            _parked.Add(transaction, item);
            return;
        }
        var headers = new EventHeaders(item.Headers.Span);
        string? routed;
        try
        {
            _context.Time = Instants.Of(item.Time);
            _context.EntityId = new EntityId(Encoding.UTF8.GetString(item.Key.Span));
            _context.IsSnapshot = headers.IsSnapshot;
            if (!seal.TryOpen(item, headers, out var value))
            {
                return;
            }
            routed = key(JsonSerializer.Deserialize(value, type)!, _context);
        }
        catch (Exception e)
        {
            _parked.Park(transaction, item, e);
            DownstreamLog.RouteParked(services.Logger, name, Encoding.UTF8.GetString(item.Key.Span), e);
            return;
        }
        if (routed is null)
        {
            return;
        }
        if (_key.Length < Encoding.UTF8.GetMaxByteCount(routed.Length))
        {
            _key = new byte[Encoding.UTF8.GetMaxByteCount(routed.Length)];
        }
        var bytes = _key.AsSpan(0, Encoding.UTF8.GetBytes(routed, _key));
        Stamp(of, item.Headers.Span, item.Key.Span);
        var target = new TopicPartition(feed, Slots.PartitionOf(bytes, feed.Partitions));
        transaction.Append(target, item.Time, bytes, _headers, item.Value.Span);
    }

    // The moment is the feed's now: of an event that was parked meanwhile, too, so that a feed never goes back.
    private void Stamp(FeedMoment of, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> subject)
    {
        _headers.Clear().Raw(headers);
        if (!subject.IsEmpty)
        {
            RecordHeaders.Write(_headers, Header.Subject, subject);
        }
        BinaryPrimitives.WriteInt32LittleEndian(_stamp, of.Feed);
        BinaryPrimitives.WriteInt64LittleEndian(_stamp.AsSpan(4), of.Reached);
        RecordHeaders.Write(_headers, Header.Feed, _stamp);
    }
}
