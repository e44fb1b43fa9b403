using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Millrace.Engines;

namespace Millrace.Sources;

/// <summary>
/// Turns the changes of a source transaction into one command for each entity it touches. Changes are written to one buffer as they come and
/// linked by entity; at the end each entity's are joined into a command's body.
/// </summary>
internal sealed class CaptureBatch(Capture capture, IAppender appender, ITransaction transaction) : ICaptureBatch
{
    /// <summary>One change of one entity, waiting for the end of its transaction.</summary>
    private struct Pending
    {
        public int Body;
        public int BodyEnd;
        public int Next;
        public long Time;
    }

    /// <summary>The changes of one entity in this transaction, linked in order.</summary>
    private struct Group
    {
        public AggregateDefinition Aggregate;
        public bool IsReference;
        public int Id;
        public int IdEnd;
        public int First;
        public int Last;
    }

    private readonly ArrayBufferWriter<byte> _bytes = new(16 * 1024);
    private readonly ArrayBufferWriter<byte> _body = new(4 * 1024);
    private readonly ArrayBufferWriter<byte> _headers = new(256);
    private readonly ArrayBufferWriter<byte> _id = new(64);
    private readonly ArrayBufferWriter<byte> _otherId = new(64);
    private readonly ArrayBufferWriter<byte> _transactionId = new(64);
    private readonly List<Pending> _pending = [];
    private readonly List<Group> _groups = [];
    private readonly Dictionary<(AggregateDefinition, bool, UInt128), int> _byEntity = [];
    private readonly PartitionMap _map = capture.Map;
    private bool _isSnapshotOpen = capture.IsSnapshotOpen;
    private SourcePosition _position;
    private bool _snapshot;
    private long _time;
    private long _latest = long.MinValue;
    private int _rows;

    // How many keys had been dropped when the first command of this batch was encrypted.
    private int? _drops;

    public int Bytes { get; private set; }

    public void BeginTransaction(ReadOnlySpan<byte> id, SourcePosition position, long time)
    {
        Enter(position, snapshot: false, time);
        _transactionId.Write(id);
    }

    public void BeginChunk(int snapshot, int chunk, long time)
    {
        Enter(default, snapshot: true, time);
        _transactionId.Write(Encoding.UTF8.GetBytes($"snapshot-{capture.Source}-{snapshot}-{chunk}"));
    }

    public void Insert(BoundTable table, RowImage after)
    {
        _rows++;
        var routed = (RoutedTable)table;
        foreach (var route in routed.Routes)
        {
            if (Owner(route, after, default, _id))
            {
                Add(routed, route, ChangeOp.Put, after, default, TimeOf(route, after, default));
            }
        }
    }

    public void Update(BoundTable table, RowImage before, RowImage after)
    {
        _rows++;
        var routed = (RoutedTable)table;
        foreach (var route in routed.Routes)
        {
            var time = TimeOf(route, after, before);
            var belonged = Owner(route, before, default, _otherId);
            var belongs = Owner(route, after, before, _id);
            var same = belonged == belongs && _id.WrittenSpan.SequenceEqual(_otherId.WrittenSpan);
            if (same && SameKey(route, before, after))
            {
                if (belongs)
                {
                    Add(routed, route, ChangeOp.Put, after, before, time);
                }
                continue;
            }
            // Another key in the same entity is another row; another owner is a move.
            if (belongs)
            {
                Add(routed, route, same || !belonged ? ChangeOp.Put : ChangeOp.Joined, after, before, time);
            }
            if (belonged)
            {
                _id.ResetWrittenCount();
                _id.Write(_otherId.WrittenSpan);
                Add(routed, route, same || !belongs ? ChangeOp.Delete : ChangeOp.Left, before, default, time);
            }
        }
    }

    public void Delete(BoundTable table, RowImage before, bool cascades)
    {
        _rows++;
        var routed = (RoutedTable)table;
        foreach (var route in routed.Routes)
        {
            if (Owner(route, before, default, _id))
            {
                Add(routed, route, ChangeOp.Delete, before, default, long.MinValue, cascades);
            }
        }
    }

    public void End()
    {
        var ordinal = _position.Ordinal;
        var otherwise = TimeOtherwise();
        for (var i = 0; i < _groups.Count; i++)
        {
            var group = _groups[i];
            var time = WriteBody(group, otherwise);
            WriteHeaders(group, ordinal++);
            Append(group, time);
        }
        _groups.Clear();
        _pending.Clear();
        _byEntity.Clear();
        _bytes.ResetWrittenCount();
    }

    public void SnapshotBegan(CapturedTable table, int snapshot, long time)
    {
        _isSnapshotOpen = true;
        transaction.Put(Capture.OpenKey, "1"u8);
        foreach (var aggregate in capture.Application.Topology.Aggregates)
        {
            Control(aggregate, Controls.SnapshotsBegan, $"snapshots-{capture.Source}-{snapshot}", default, time, default);
        }
        Mark(Controls.SnapshotBegan, table, snapshot, $"snapshot-{capture.Source}-{snapshot}-began", default, time);
    }

    public void SnapshotEnded(CapturedTable table, int snapshot, long time) =>
        Mark(Controls.SnapshotEnded, table, snapshot, $"snapshot-{capture.Source}-{snapshot}-ended", default, time);

    public void AllSnapshotsEnded(long time)
    {
        _isSnapshotOpen = false;
        transaction.Delete(Capture.OpenKey);
        foreach (var aggregate in capture.Application.Topology.Aggregates)
        {
            Control(aggregate, Controls.SnapshotsEnded, $"snapshots-{capture.Source}-ended-{time}", default, time, default);
        }
    }

    public void Truncated(CapturedTable table, int snapshot, ReadOnlySpan<byte> id, SourcePosition position, long time) =>
        Mark(Controls.Truncated, table, snapshot, Encoding.UTF8.GetString(id), position, time);

    public void Save(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => transaction.Put(key, value);

    public void Forget(ReadOnlySpan<byte> key) => transaction.Delete(key);

    public async ValueTask CommitAsync(CancellationToken cancellation)
    {
        try
        {
            await WriteAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            capture.Ended(this);
        }
    }

    private async ValueTask WriteAsync(CancellationToken cancellation)
    {
        SaveLatest();
        var map = Fence();
        if (_drops is not { } drops)
        {
            await appender.CommitAsync(transaction, durable: false, cancellation).ConfigureAwait(false);
        }
        else if (!await capture.Seals!.TryCommitAsync(drops, appender, transaction, cancellation).ConfigureAwait(false))
        {
            throw new EngineException(
                "An entity was erased while changes were on their way into the command log. They are read again, and encrypted with the keys of now."
            );
        }
        capture.Appended(_latest, _rows, map, _isSnapshotOpen);
    }

    /// <summary>
    /// Where partitions were added: the fences go behind everything of this batch, and the next one goes by the new map. While a snapshot is under way they
    /// wait, since below the event logs timers hold for whom it began, and it has to end for the same.
    /// </summary>
    private PartitionMap Fence() =>
        capture.Application.Map.Epoch <= _map.Epoch || _isSnapshotOpen ? _map : capture.WriteFence(transaction, _map, MarkTime(_time));

    private void SaveLatest()
    {
        if (_latest > capture.LatestTime)
        {
            Span<byte> latest = stackalloc byte[8];
            BinaryPrimitives.WriteInt64BigEndian(latest, _latest);
            transaction.Put(Capture.LatestKey, latest);
        }
    }

    private void Enter(SourcePosition position, bool snapshot, long time)
    {
        _position = position;
        _snapshot = snapshot;
        _time = time;
        _transactionId.ResetWrittenCount();
    }

    /// <summary>Writes the id of the entity that a row belongs to; false when it belongs to none (a null foreign key) or is a reference row.</summary>
    private bool Owner(Route route, RowImage row, RowImage fallback, ArrayBufferWriter<byte> id)
    {
        id.ResetWrittenCount();
        Span<byte> scratch = stackalloc byte[256];
        for (var i = 0; i < route.Owner.Length; i++)
        {
            var value = Value(route.Owner[i], row, fallback, route);
            if (value.SequenceEqual("null"u8))
            {
                id.ResetWrittenCount();
                return false;
            }
            if (i > 0)
            {
                id.Write(","u8);
            }
            KeyJson.WritePart(id, JsonScan.Text(value, scratch), single: route.Owner.Length == 1);
        }
        return true;
    }

    private static bool SameKey(Route route, RowImage before, RowImage after)
    {
        foreach (var ordinal in route.Key)
        {
            var now = after.Value(ordinal);
            if (!now.IsEmpty && !now.SequenceEqual(before.Value(ordinal)))
            {
                return false;
            }
        }
        return true;
    }

    private ReadOnlySpan<byte> Value(int ordinal, RowImage row, RowImage fallback, Route route)
    {
        var value = row.Value(ordinal);
        if (value.IsEmpty && !fallback.Json.IsEmpty)
        {
            value = fallback.Value(ordinal);
        }
        return value.IsEmpty
            ? throw new SourceException(
                $"A row image of {capture.Source} at {_position} lacks a column that says which {route.Aggregate.Name} it belongs to. Set binlog_row_image=FULL on the server."
            )
            : value;
    }

    private void Add(RoutedTable table, Route route, ChangeOp op, RowImage row, RowImage fallback, long time, bool cascades = false)
    {
        var start = _bytes.WrittenCount;
        _bytes.Write("{\"table\":\""u8);
        _bytes.Write(table.Name);
        _bytes.Write("\",\"op\":\""u8);
        _bytes.Write([(byte)op]);
        _bytes.Write("\",\"key\":["u8);
        for (var i = 0; i < route.Key.Length; i++)
        {
            if (i > 0)
            {
                _bytes.Write(","u8);
            }
            _bytes.Write(Value(route.Key[i], row, fallback, route));
        }
        _bytes.Write("],\"row\":"u8);
        _bytes.Write(row.Json);
        if (op is ChangeOp.Put or ChangeOp.Joined && IsPartial(row))
        {
            _bytes.Write(",\"partial\":1"u8);
        }
        if (cascades && route.Cascades.Length > 0)
        {
            for (var i = 0; i < route.Cascades.Length; i++)
            {
                _bytes.Write(i == 0 ? ",\"cascade\":[\""u8 : ",\""u8);
                _bytes.Write(route.Cascades[i]);
                _bytes.Write("\""u8);
            }
            _bytes.Write("]"u8);
        }
        _bytes.Write("}"u8);
        Link(
            route,
            new Pending
            {
                Body = start,
                BodyEnd = _bytes.WrittenCount,
                Next = -1,
                Time = time,
            }
        );
    }

    private static bool IsPartial(RowImage row)
    {
        foreach (var cell in row.Cells)
        {
            if (cell.IsUnknown)
            {
                return true;
            }
        }
        return false;
    }

    private void Link(Route route, Pending pending)
    {
        var at = _pending.Count;
        _pending.Add(pending);
        var key = (route.Aggregate, route.IsReference, XxHash128.HashToUInt128(_id.WrittenSpan));
        ref var index = ref CollectionsMarshal.GetValueRefOrAddDefault(_byEntity, key, out var known);
        if (known)
        {
            ref var group = ref CollectionsMarshal.AsSpan(_groups)[index];
            CollectionsMarshal.AsSpan(_pending)[group.Last].Next = at;
            group.Last = at;
            return;
        }
        index = _groups.Count;
        var id = _bytes.WrittenCount;
        _bytes.Write(_id.WrittenSpan);
        _groups.Add(
            new Group
            {
                Aggregate = route.Aggregate,
                IsReference = route.IsReference,
                Id = id,
                IdEnd = _bytes.WrittenCount,
                First = at,
                Last = at,
            }
        );
    }

    /// <summary>
    /// The time of a command whose rows say none: the commit's. Where time moves with the rows alone it is that of the other rows of the
    /// transaction, or the latest there was; the commit's would pull every timer of the partition out of the history being played.
    /// </summary>
    private long TimeOtherwise()
    {
        if (capture.Options.FollowWallClock)
        {
            return _time;
        }
        var latest = Math.Max(_latest, capture.LatestTime);
        foreach (var pending in _pending)
        {
            latest = Math.Max(latest, IsTooFarAhead(pending.Time) ? long.MinValue : pending.Time);
        }
        return latest;
    }

    /// <summary>Whether a business time lies so far ahead that it would pull every timer of the partition with it.</summary>
    private bool IsTooFarAhead(long time) => time > _time + capture.Options.MaxTimeAhead.TotalMicroseconds;

    /// <summary>Joins a group's changes into a body; returns the command's time.</summary>
    private long WriteBody(in Group group, long otherwise)
    {
        _body.ResetWrittenCount();
        var bytes = _bytes.WrittenSpan;
        var time = long.MinValue;
        for (var at = group.First; at >= 0; at = _pending[at].Next)
        {
            var pending = _pending[at];
            _body.Write(at == group.First ? "["u8 : ","u8);
            _body.Write(bytes[pending.Body..pending.BodyEnd]);
            time = Math.Max(time, pending.Time);
        }
        _body.Write("]"u8);
        return time == long.MinValue || IsTooFarAhead(time) ? otherwise : time;
    }

    private void WriteHeaders(in Group group, int ordinal)
    {
        _headers.ResetWrittenCount();
        Span<byte> id = stackalloc byte[_transactionId.WrittenCount + 12];
        _transactionId.WrittenSpan.CopyTo(id);
        id[_transactionId.WrittenCount] = (byte)':';
        Utf8Formatter.TryFormat(ordinal, id[(_transactionId.WrittenCount + 1)..], out var digits);
        RecordHeaders.Write(_headers, Header.Id, id[..(_transactionId.WrittenCount + 1 + digits)]);
        RecordHeaders.Write(_headers, Header.CorrelationId, _transactionId.WrittenSpan);
        RecordHeaders.Write(_headers, Header.Kind, [(byte)(group.IsReference ? RecordKind.Control : RecordKind.Changes)]);
        if (group.IsReference)
        {
            RecordHeaders.Write(_headers, Header.Type, Controls.Reference);
        }
        if (_snapshot)
        {
            RecordHeaders.Write(_headers, Header.Snapshot, "1"u8);
        }
        else
        {
            Span<byte> position = stackalloc byte[SourcePosition.Size];
            (_position with { Ordinal = ordinal }).Write(position);
            RecordHeaders.Write(_headers, Header.Position, position);
        }
    }

    private void Append(in Group group, long time)
    {
        var topic = capture.Application.Commands(group.Aggregate);
        var id = _bytes.WrittenSpan[group.Id..group.IdEnd];
        if (group.IsReference)
        {
            for (var partition = 0; partition < _map.Partitions; partition++)
            {
                Append(new TopicPartition(topic, partition), time, default);
            }
            return;
        }
        _latest = Math.Max(_latest, time);
        var target = new TopicPartition(topic, _map.PartitionOf(id));
        if (capture.SealOf(group.Aggregate) is not { } seal)
        {
            Append(target, time, id);
            return;
        }
        _drops ??= capture.Seals!.Drops;
        var closed = seal.CloseNew(id, Seals.IdOf(_headers.WrittenSpan), _body.WrittenSpan);
        _body.ResetWrittenCount();
        _body.Write(closed);
        Append(target, time, id);
    }

    private void Append(TopicPartition target, long time, ReadOnlySpan<byte> key)
    {
        transaction.Append(target, time, key, _headers.WrittenSpan, _body.WrittenSpan);
        Bytes += key.Length + _headers.WrittenCount + _body.WrittenCount + 16;
    }

    /// <summary>When a mark stands: by the wall clock, or where time moves with the rows alone, at the latest of them.</summary>
    private long MarkTime(long time) => capture.Options.FollowWallClock ? time : Math.Max(_latest, capture.LatestTime);

    private void Mark(ReadOnlySpan<byte> type, CapturedTable table, int snapshot, string id, SourcePosition position, long time)
    {
        var body = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
            new SnapshotMark(table.Name, snapshot),
            MillraceJson.Default.SnapshotMark
        );
        foreach (var aggregate in capture.AggregatesOf(table.Name))
        {
            Control(aggregate, type, id, position, time, body);
        }
    }

    /// <summary>Writes a control record to every partition of a command log.</summary>
    private void Control(
        AggregateDefinition aggregate,
        ReadOnlySpan<byte> type,
        string id,
        SourcePosition position,
        long time,
        ReadOnlySpan<byte> body
    )
    {
        _headers.ResetWrittenCount();
        _body.ResetWrittenCount();
        _body.Write(body);
        RecordHeaders.Write(_headers, Header.Id, Encoding.UTF8.GetBytes(id));
        RecordHeaders.Write(_headers, Header.Kind, [(byte)RecordKind.Control]);
        RecordHeaders.Write(_headers, Header.Type, type);
        if (position.Epoch > 0)
        {
            Span<byte> bytes = stackalloc byte[SourcePosition.Size];
            position.Write(bytes);
            RecordHeaders.Write(_headers, Header.Position, bytes);
        }
        // Marks do not move time in the command log; below it the end of all snapshots does, so it must not be the wall clock's in a history.
        var marked = MarkTime(time);
        var topic = capture.Application.Commands(aggregate);
        for (var partition = 0; partition < _map.Partitions; partition++)
        {
            transaction.Append(new TopicPartition(topic, partition), marked, default, _headers.WrittenSpan, _body.WrittenSpan);
            Bytes += _headers.WrittenCount + _body.WrittenCount + 16;
        }
    }

    private static long TimeOf(Route route, RowImage row, RowImage before)
    {
        if (route.OccurredAt < 0)
        {
            return long.MinValue;
        }
        var value = row.Value(route.OccurredAt);
        // A time that did not change is that of an earlier change.
        if (value.IsEmpty || (!before.Json.IsEmpty && value.SequenceEqual(before.Value(route.OccurredAt))))
        {
            return long.MinValue;
        }
        return BusinessTime.TryRead(value, out var time) ? time : long.MinValue;
    }
}
