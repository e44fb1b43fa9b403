using System.Buffers;
using System.Text;
using Millrace.MySql.Binlog;
using Millrace.MySql.Rows;
using MySqlConnector;

namespace Millrace.Tool;

/// <summary>Turns a binlog's rows events into JSON lines.</summary>
internal sealed class RowPrinter(BinlogReader binlog, MySqlConnection? sql, TableFilter filter, TableRules rules, Stream output)
    : IAsyncDisposable
{
    const int FlushAt = 64 * 1024;

    readonly ArrayBufferWriter<byte> _buffer = new(2 * FlushAt);
    readonly Dictionary<(string Database, string Table), TableSchema?> _schemas = [];
    RowDecoders? _decoders;
    string? _gtid;
    ulong _committed;

    public async Task RunAsync(CancellationToken stop)
    {
        while (true)
        {
            var read = binlog.Read(stop);
            if (!read.IsCompleted)
                await FlushAsync(stop); // nothing more for now: what there is must be seen
            if (!await read)
                break;
            await TakeAsync(stop);
            if (_buffer.WrittenCount >= FlushAt)
                await FlushAsync(stop);
        }
        await FlushAsync(stop);
    }

    public async ValueTask DisposeAsync() => await FlushAsync(CancellationToken.None);

    async Task FlushAsync(CancellationToken stop)
    {
        if (_buffer.WrittenCount == 0)
            return;
        await output.WriteAsync(_buffer.WrittenMemory, stop);
        await output.FlushAsync(stop);
        _buffer.ResetWrittenCount();
    }

    async Task TakeAsync(CancellationToken stop)
    {
        switch (binlog.Type)
        {
            case BinlogEventType.FormatDescription:
                _decoders = new(binlog.Format.IsMariaDb, Schema, rules.Of);
                break;
            case BinlogEventType.Rotate:
                _decoders?.Clear();
                break;
            case BinlogEventType.Gtid or BinlogEventType.AnonymousGtid or BinlogEventType.GtidTagged:
                var gtid = GtidEvent.Read(binlog.Type, binlog.Body);
                (_gtid, _committed) = (gtid.Gtid?.ToString(), gtid.CommitMicroseconds);
                break;
            case BinlogEventType.MariaDbGtid:
                (_gtid, _committed) = (MariaDbGtidEvent.Read(binlog.Header, binlog.Body).Gtid.ToString(), 0);
                break;
            case BinlogEventType.Query when !IsTransactional(QueryEvent.Read(binlog.Body).Sql):
                _schemas.Clear();
                _decoders?.Forget();
                break;
            case BinlogEventType.TableMap:
                _decoders!.Take(binlog.Body);
                break;
            case BinlogEventType.PartialUpdateRows:
            case >= BinlogEventType.WriteRowsV1 and <= BinlogEventType.DeleteRowsV1:
            case >= BinlogEventType.WriteRows and <= BinlogEventType.DeleteRows:
                await RowsAsync(stop);
                break;
        }
    }

    async Task RowsAsync(CancellationToken stop)
    {
        var id = TableMap.IdOf(binlog.Body);
        if (_decoders?.MapOf(id) is not { } map || !filter.Wants(map.Database, map.Table))
            return;
        await LoadAsync(map, again: false, stop);
        RowDecoder decoder;
        try
        {
            decoder = _decoders.For(id);
        }
        catch (SchemaMismatchException) when (sql is not null)
        {
            await LoadAsync(map, again: true, stop);
            decoder = _decoders.For(id);
        }
        Print(decoder);
    }

    async Task LoadAsync(TableMap map, bool again, CancellationToken stop)
    {
        if (sql is null || !again && _schemas.ContainsKey((map.Database, map.Table)))
            return;
        var found = await SchemaReader.ReadAsync(sql, map.Database, [map.Table], stop);
        _schemas[(map.Database, map.Table)] = found.Count > 0 ? found[0] : null;
    }

    TableSchema? Schema(string database, string table) => _schemas.GetValueOrDefault((database, table));

    void Print(RowDecoder decoder)
    {
        var reader = decoder.Read((byte)binlog.Type, binlog.Body);
        var time =
            _committed != 0
                ? DateTimeOffset.FromUnixTimeMilliseconds(0).AddMicroseconds(_committed)
                : DateTimeOffset.FromUnixTimeSeconds(binlog.Header.Timestamp);
        while (reader.MoveNext())
        {
            Write("{\"table\":"u8);
            String($"{decoder.Map.Database}.{decoder.Map.Table}");
            Write(
                reader.Operation switch
                {
                    RowOperation.Insert => ",\"op\":\"insert\""u8,
                    RowOperation.Update => ",\"op\":\"update\""u8,
                    _ => ",\"op\":\"delete\""u8,
                }
            );
            Write(",\"position\":"u8);
            String(binlog.Start.ToString());
            Write(",\"gtid\":"u8);
            if (_gtid is null)
                Write("null"u8);
            else
                String(_gtid);
            Write(",\"time\":"u8);
            String(time.ToString(_committed != 0 ? "yyyy-MM-ddTHH:mm:ss.ffffffZ" : "yyyy-MM-ddTHH:mm:ssZ"));
            Write(",\"before\":"u8);
            Image(reader.Before.Json);
            Write(",\"after\":"u8);
            Image(reader.After.Json);
            Write("}\n"u8);
        }
    }

    void Image(ReadOnlySpan<byte> json) => Write(json.IsEmpty ? "null"u8 : json);

    void Write(ReadOnlySpan<byte> bytes) => _buffer.Write(bytes);

    void String(string text)
    {
        Write("\""u8);
        Write(
            System
                .Text.Json.JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)
                .EncodedUtf8Bytes
        );
        Write("\""u8);
    }

    /// <summary>Whether a statement begins or ends a transaction; any other may have changed a table.</summary>
    static bool IsTransactional(ReadOnlySpan<byte> statement)
    {
        foreach (var word in (ReadOnlySpan<string>)["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "XA ", "RELEASE"])
            if (statement.Length >= word.Length && Ascii.EqualsIgnoreCase(statement[..word.Length], word))
                return true;
        return false;
    }
}
