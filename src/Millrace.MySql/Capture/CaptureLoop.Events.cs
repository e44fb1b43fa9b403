using System.Text;
using Millrace.MySql.Binlog;
using Millrace.MySql.Position;
using Millrace.MySql.Rows;
using Millrace.Sources;

namespace Millrace.MySql.Capture;

internal sealed partial class CaptureLoop
{
    readonly byte[] _id = new byte[256];
    int _idLength;
    BinlogPosition _done;
    BinlogPosition _begin;
    Gtid? _gtid;
    MariaDbGtid? _mariaDbGtid;
    long _time;
    bool _inTransaction;
    bool _isExplicit;
    bool _isLeftOut;
    bool _isHandedOver;
    int _rowsEvents;
    int _skippedRowsEvents;
    int _parts;
    int _transactionBytes;
    List<RawEvent>? _xa;
    string _fileOfCreation = "";
    uint _fileCreated;

    /// <summary>Takes the reader's current event.</summary>
    async ValueTask Take(CancellationToken ct)
    {
        var type = _reader.Type;
        switch (type)
        {
            case BinlogEventType.TableMap:
                TakeTableMap();
                break;
            case BinlogEventType.WriteRowsV1 or BinlogEventType.UpdateRowsV1 or BinlogEventType.DeleteRowsV1:
            case BinlogEventType.WriteRows or BinlogEventType.UpdateRows or BinlogEventType.DeleteRows or BinlogEventType.PartialUpdateRows:
                await TakeRows(type, _reader.BodyMemory, ct);
                break;
            case BinlogEventType.Gtid or BinlogEventType.GtidTagged or BinlogEventType.AnonymousGtid:
                var gtid = GtidEvent.Read(type, _reader.Body);
                Begin(gtid.CommitMicroseconds > 0 ? (long)gtid.CommitMicroseconds : HeaderTime, isExplicit: false);
                _gtid = gtid.Gtid;
                Name(gtid.Gtid?.ToString());
                break;
            case BinlogEventType.MariaDbGtid:
                var mark = MariaDbGtidEvent.Read(_reader.Header, _reader.Body);
                Begin(HeaderTime, isExplicit: !mark.IsStandalone);
                _mariaDbGtid = mark.Gtid;
                if (mark.Flags.HasFlag(MariaDbGtidFlags.PreparedXa))
                    _xa = [];
                Name(mark.Gtid.ToString());
                break;
            case BinlogEventType.Query:
                await TakeStatement(ct);
                break;
            case BinlogEventType.Xid:
                End();
                break;
            case BinlogEventType.XaPrepare:
                await TakeXaPrepare(ct);
                break;
            case BinlogEventType.Incident:
                var incident = IncidentEvent.Read(_reader.Body);
                Log.ServerLostEvents(_log, _source, _reader.Start.ToString(), incident.Message);
                foreach (var table in _tables.All)
                    Resynchronize(table, "the server says that its log misses something");
                End();
                break;
            case BinlogEventType.FormatDescription:
                CheckFile();
                ForgetTableIds();
                break;
            case BinlogEventType.Rotate:
                ForgetTableIds();
                break;
        }
        _at = _reader.End;
        // After a start by GTID the server first goes back to where it looks for the next transaction.
        if (!_inTransaction && _at.CompareTo(_done) > 0)
        {
            _done = _at;
            _moved = true;
        }
    }

    long HeaderTime => _reader.Header.Timestamp * 1_000_000L;

    /// <summary>A file of the saved name that was begun at another time is another server's.</summary>
    void CheckFile()
    {
        var (file, created) = (_reader.End.File, _reader.Header.Timestamp);
        if (file == _position.File && _position.FileCreated != 0 && created != 0 && created != _position.FileCreated)
        {
            throw new PositionGoneException(
                $"the server's {file} was begun at {DateTimeOffset.FromUnixTimeSeconds(created):u}, that of the saved position at "
                    + $"{DateTimeOffset.FromUnixTimeSeconds(_position.FileCreated):u}: the server was rebuilt, or its binlogs were reset"
            );
        }
        (_fileOfCreation, _fileCreated) = (file, created);
    }

    void ForgetTableIds()
    {
        _decoders.Clear();
        _maps.Clear();
    }

    void Begin(long time, bool isExplicit)
    {
        _inTransaction = true;
        _isExplicit = isExplicit;
        _begin = _reader.Start;
        _time = time;
        (_gtid, _mariaDbGtid, _xa) = (null, null, null);
        _isHandedOver = false;
        _isLeftOut = _leaveOut.Contains(_begin);
        (_rowsEvents, _transactionBytes) = (0, 0);
        var part = _position.Part is { } p && p.File == _begin.File && p.Offset == _begin.Offset ? p : null;
        (_skippedRowsEvents, _parts) = (part?.RowsEvents ?? 0, part?.Parts ?? 0);
        Name(null);
    }

    /// <summary>The transaction's identity: its GTID, or its place.</summary>
    void Name(string? gtid) => _idLength = Encoding.UTF8.GetBytes(gtid ?? _begin.ToString(), _id);

    /// <summary>The transaction is committed, and whole.</summary>
    void End()
    {
        if (_isHandedOver)
            _batch!.End();
        if (_gtid is { } gtid)
            _gtids?.Add(gtid);
        if (_mariaDbGtid is { } mariaDb)
            _gtids?.Add(mariaDb);
        if (_time > 0 && _inTransaction)
            _lastTime = Math.Max(_lastTime, _time);
        _inTransaction = false;
        _xa = null;
    }

    SourcePosition Place(int ordinal) =>
        new(_position.Epoch, _position.FileShift + (long)BinlogPosition.FileNumber(_begin.File), (long)_begin.Offset, ordinal);

    void TakeTableMap()
    {
        var map = _decoders.Take(_reader.Body);
        if (!_maps.TryGetValue(map.Id, out var known) || !ReferenceEquals(known.Map, map))
            _maps[map.Id] = known = (map, _tables.Find(map.Database, map.Table));
        if (_xa is not null && known.Table is not null)
            _xa.Add(new RawEvent(_reader.Type, _reader.Body.ToArray()));
    }

    async ValueTask TakeRows(BinlogEventType type, ReadOnlyMemory<byte> body, CancellationToken ct)
    {
        var id = TableMap.IdOf(body.Span);
        _rowsEvents++;
        if (!_maps.TryGetValue(id, out var known) || known.Table is not { } table || _isLeftOut || _rowsEvents <= _skippedRowsEvents)
            return;
        if (_xa is not null)
        {
            _xa.Add(new RawEvent(type, body.ToArray()));
            return;
        }
        if (_schemaStale)
            await Refresh(ct);
        if (await Fits(table, _decoders, id, ct))
            HandOver(type, body.Span, table);
        if (_transactionBytes >= PartBytes)
            await CommitPart(ct);
    }

    /// <summary>Ties the table to the decoder of its rows. Where no definition fits, its rows are passed over and a snapshot makes up for them.</summary>
    async ValueTask<bool> Fits(TableBinding table, RowDecoders decoders, ulong id, CancellationToken ct)
    {
        if (table.IsUnreadable)
            return false;
        if (TryUse(table, decoders, id) is null)
            return true;
        await Refresh(ct, isDefined: false);
        decoders.Forget();
        if (TryUse(table, decoders, id) is not { } mismatch)
            return true;
        // The rows are older than the definition that can be looked up now.
        Resynchronize(table, mismatch);
        table.IsUnreadable = true;
        return false;
    }

    /// <summary>Says what does not fit; null when all does.</summary>
    string? TryUse(TableBinding table, RowDecoders decoders, ulong id)
    {
        try
        {
            Use(table, decoders.For(id));
            return null;
        }
        catch (SchemaMismatchException e)
        {
            return e.Message;
        }
        catch (UnsupportedColumnException e)
        {
            throw new SourceException($"{_source}, at {_at}: {e.Message}", e);
        }
    }

    void Use(TableBinding table, RowDecoder decoder)
    {
        if (ReferenceEquals(table.Decoder, decoder))
            return;
        table.Rules?.MustFit(table.Name, decoder.ColumnNames);
        _tables.Bind(table, decoder.ColumnNames);
        table.Use(decoder);
    }

    void HandOver(BinlogEventType type, ReadOnlySpan<byte> body, TableBinding table)
    {
        var window = _window?.Table == table ? _window : null;
        var (bound, key) = (table.Bound!, table.Key);
        var batch = Batch();
        if (!_isHandedOver)
        {
            // Ordinals of a later part begin beyond any that an earlier one, bounded in bytes, can have reached.
            batch.BeginTransaction(_id.AsSpan(0, _idLength), Place(checked(_parts << 20)), _time);
            _isHandedOver = true;
        }
        var bytes = 0;
        var cascades = RowsEventFlags.Cascades(body);
        if (cascades && type is (BinlogEventType.DeleteRows or BinlogEventType.DeleteRowsV1))
            VoidWindowBelow(table);
        var rows = table.Decoder!.Read((byte)type, body);
        while (rows.MoveNext())
        {
            _rows++;
            switch (rows.Operation)
            {
                case RowOperation.Insert:
                    var inserted = rows.After;
                    batch.Insert(bound, TableBinding.Image(inserted));
                    window?.Touch(TableBinding.HashKey(inserted, key));
                    bytes += inserted.Json.Length;
                    break;
                case RowOperation.Update:
                    var before = rows.Before;
                    var after = rows.After;
                    batch.Update(bound, TableBinding.Image(before), TableBinding.Image(after));
                    window?.Touch(TableBinding.HashKey(before, key));
                    window?.Touch(TableBinding.HashKey(after, key));
                    bytes += before.Json.Length + after.Json.Length;
                    break;
                default:
                    var deleted = rows.Before;
                    batch.Delete(bound, TableBinding.Image(deleted), cascades);
                    window?.Touch(TableBinding.HashKey(deleted, key));
                    bytes += deleted.Json.Length;
                    break;
            }
        }
        _batchBytes += bytes;
        _transactionBytes += bytes;
    }

    /// <summary>Commits the beginning of a transaction that is too large for one commit; the position stays before it.</summary>
    async ValueTask CommitPart(CancellationToken ct)
    {
        if (++_parts >= 1 << 11)
            throw new SourceException(
                $"{_source}: the transaction at {_begin} is larger than {(long)PartBytes << 11} bytes of rows, which is more than can be captured."
            );
        _batch!.End();
        _isHandedOver = false;
        _transactionBytes = 0;
        _position = Resume() with { Part = new SavedPart(_begin.File, _begin.Offset, _rowsEvents, _parts) };
        await CommitWith(_position, ct);
    }
}
