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

    private readonly Context _context = new(default, default, false);
    private readonly Loop _loop = services.Loops.Of(name, partition);
    private readonly ParkedKeys _parked = new();
    private readonly KeyBuffer _headers = new();
    private readonly byte[] _number = new byte[8];
    private readonly byte[] _stamp = new byte[12];
    private byte[] _key = new byte[64];
    private bool _loaded;
    private long _moment;
    private long _told;

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        if (!_loaded)
        {
            _moment = transaction.TryGet(MomentKey, out var saved) ? BinaryPrimitives.ReadInt64LittleEndian(saved) : Moment.None;
            _told = _moment;
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
                _moment = Moment.AfterEvent(_moment, record.Time);
                Route(transaction, Incoming.Of(record, partition, _moment));
            }
        }
        if (_moment != _told)
        {
            BinaryPrimitives.WriteInt64LittleEndian(_number, _moment);
            transaction.Put(MomentKey, _number);
            Broadcast(transaction, Moment.TimeOf(_moment), TickHeaders, default, default);
            _told = _moment;
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
        // A tick is not passed on by itself: the word at the end of the batch says the same.
        if (controlType.SequenceEqual(Controls.Tick))
        {
            _moment = Moment.AfterTick(_moment, record.Time);
            return;
        }
        if (Controls.IsDeed(controlType))
        {
            Operate(transaction, record, controlType);
            return;
        }
        _moment = controlType.SequenceEqual(Controls.SnapshotsEnded)
            ? Moment.AfterSnapshots(_moment, record.Time)
            : Moment.AfterControl(_moment);
        if (controlType.SequenceEqual(Controls.Erased))
        {
            _parked.Forget(transaction, record.Key.Span);
        }
        Broadcast(transaction, record.Time, record.Headers.Span, record.Value.Span, record.Key.Span);
    }

    /// <summary>An operator's deed is for what is parked here, or for what is parked under the key below.</summary>
    private void Operate(ITransaction transaction, in Record record, ReadOnlySpan<byte> controlType)
    {
        if (!Deed.TryRead(controlType, record.Value.Span, stage, out var deed))
        {
            return;
        }
        _moment = Moment.AfterControl(_moment);
        Stamp(record.Headers.Span, default);
        var target = new TopicPartition(feed, Slots.PartitionOf(record.Key.Span, feed.Partitions));
        transaction.Append(target, record.Time, record.Key.Span, _headers, record.Value.Span);
        if (_parked.TryTake(transaction, record.Key.Span, deed, out var kept))
        {
            DownstreamLog.Operated(services.Logger, name, record.Key.Span, deed);
            foreach (var item in kept)
            {
                Route(transaction, item);
            }
        }
    }

    private void Broadcast(
        ITransaction transaction,
        long time,
        ReadOnlySpan<byte> headers,
        ReadOnlySpan<byte> value,
        ReadOnlySpan<byte> subject
    )
    {
        Stamp(headers, subject);
        for (var to = 0; to < feed.Partitions; to++)
        {
            transaction.Append(new TopicPartition(feed, to), time, default, _headers, value);
        }
    }

    private void Route(ITransaction transaction, in Incoming item)
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
        Stamp(item.Headers.Span, item.Key.Span);
        var target = new TopicPartition(feed, Slots.PartitionOf(bytes, feed.Partitions));
        transaction.Append(target, item.Time, bytes, _headers, item.Value.Span);
    }

    // The moment is this log's now: of an event that was parked meanwhile, too, so that a feed never goes back.
    private void Stamp(ReadOnlySpan<byte> headers, ReadOnlySpan<byte> subject)
    {
        _headers.Clear().Raw(headers);
        if (!subject.IsEmpty)
        {
            RecordHeaders.Write(_headers, Header.Subject, subject);
        }
        BinaryPrimitives.WriteInt32LittleEndian(_stamp, partition);
        BinaryPrimitives.WriteInt64LittleEndian(_stamp.AsSpan(4), _moment);
        RecordHeaders.Write(_headers, Header.Feed, _stamp);
    }
}
