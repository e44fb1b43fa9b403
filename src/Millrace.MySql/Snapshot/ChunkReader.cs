using Millrace.MySql.Binlog;
using Millrace.MySql.Capture;
using Millrace.MySql.Rows;
using MySqlConnector;

namespace Millrace.MySql.Snapshot;

/// <summary>What the stream had read when a chunk was asked for: the SELECT must see all of it.</summary>
internal sealed record StreamPoint(BinlogPosition Position, string? Gtids);

/// <summary>Reads chunks of one table, each at a moment that is known to lie after a point of the stream.</summary>
internal sealed class ChunkReader
{
    /// <summary>A chunk whose rows turn out so large is read again with fewer.</summary>
    const int MostBytes = 16 * 1024 * 1024;

    /// <summary>What one chunk should have.</summary>
    const int WantedBytes = 1024 * 1024;

    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    readonly MySqlConnection _connection;
    readonly ServerFacts _server;
    readonly TableSchema _schema;
    readonly int[] _key;
    readonly KeyRange _range;
    readonly SnapshotRowReader _rows;
    readonly TimeProvider _clock;
    int _limit;

    public ChunkReader(
        MySqlConnection connection,
        ServerFacts server,
        TableBinding table,
        TableSchema schema,
        int rows,
        long averageRow,
        TimeProvider clock
    )
    {
        table.Rules?.MustFit(schema.FullName, schema.Columns.Select(column => column.Name));
        _connection = connection;
        _server = server;
        _schema = schema;
        _key = table.KeyOf([.. schema.Columns.Select(c => c.Name)]);
        _range = new KeyRange(_schema, table.Captured.KeyColumns);
        _rows = new SnapshotRowReader(_schema, table.Rules);
        _clock = clock;
        _limit = (int)Math.Clamp(WantedBytes / Math.Max(averageRow, 1), Math.Min(10, rows), rows);
    }

    string From => $"FROM {KeyRange.Quote(_schema.Database)}.{KeyRange.Quote(_schema.Table)}";

    /// <summary>Prepares a connection for reading chunks.</summary>
    public static async Task Prepare(MySqlConnection connection, CancellationToken ct)
    {
        await SnapshotRowReader.PrepareSessionAsync(connection, ct);
        await using var command = new MySqlCommand("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>
    /// The rows after a key, as many as make a chunk. The rule low-is-visible: the point is one whose rows this SELECT sees, not merely one
    /// that the binlog has, since a server writes a commit to the binlog before it shows it.
    /// </summary>
    public async Task<Chunk> Read(IReadOnlyList<string>? after, int snapshot, StreamPoint low, CancellationToken ct)
    {
        while (true)
        {
            var chunk = _server.IsMariaDb ? await ReadInSnapshot(after, snapshot, low, ct) : await ReadCommitted(after, snapshot, low, ct);
            if (chunk is not null)
                return chunk;
            _limit = Math.Max(1, _limit / 4);
        }
    }

    /// <summary>MariaDB tells the binlog position of a consistent snapshot.</summary>
    async Task<Chunk?> ReadInSnapshot(IReadOnlyList<string>? after, int snapshot, StreamPoint low, CancellationToken ct)
    {
        BinlogPosition seen;
        while (true)
        {
            await Execute("START TRANSACTION WITH CONSISTENT SNAPSHOT", ct);
            seen = await SnapshotPosition(ct);
            if (seen.CompareTo(low.Position) >= 0)
                break;
            await Execute("ROLLBACK", ct);
            await Task.Delay(Pause, _clock, ct);
        }
        try
        {
            var chunk = await ReadRows(after, snapshot, "", ct);
            if (chunk is not null)
                chunk.High = seen;
            return chunk;
        }
        finally
        {
            await Execute("ROLLBACK", CancellationToken.None);
        }
    }

    async Task<BinlogPosition> SnapshotPosition(CancellationToken ct)
    {
        var (file, offset) = ("", 0UL);
        await using var command = new MySqlCommand("SHOW STATUS LIKE 'binlog_snapshot_%'", _connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            if (reader.GetString(0).EndsWith("_file", StringComparison.OrdinalIgnoreCase))
                file = reader.GetString(1);
            else if (reader.GetString(0).EndsWith("_position", StringComparison.OrdinalIgnoreCase))
                offset = ulong.Parse(reader.GetString(1));
        }
        return new BinlogPosition(file, offset);
    }

    /// <summary>
    /// MySQL shows a commit before its GTID is in gtid_executed, and has it in the binlog before either. Without GTIDs a locking read waits
    /// for the commits that are on their way.
    /// </summary>
    async Task<Chunk?> ReadCommitted(IReadOnlyList<string>? after, int snapshot, StreamPoint low, CancellationToken ct)
    {
        if (_server.HasGtids && low.Gtids is { Length: > 0 })
        {
            await using var wait = new MySqlCommand("SELECT WAIT_FOR_EXECUTED_GTID_SET(@set, 5)", _connection);
            wait.Parameters.AddWithValue("@set", low.Gtids);
            while (Convert.ToInt64(await wait.ExecuteScalarAsync(ct)) != 0) { }
        }
        var chunk = await ReadRows(after, snapshot, _server.HasGtids ? "" : " FOR SHARE", ct);
        if (chunk is not null)
            chunk.High = (await _server.ReadHead(_connection, ct)).Position;
        return chunk;
    }

    async Task<Chunk?> ReadRows(IReadOnlyList<string>? after, int snapshot, string locking, CancellationToken ct)
    {
        var chunk = new Chunk
        {
            Snapshot = snapshot,
            Columns = [.. _schema.Columns.Select(c => c.Name)],
            Upper = await Upper(after, ct),
            Time = (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10,
        };
        await using var command = Command($"SELECT {_rows.SelectList} {From} WHERE {_range.Between(after, chunk.Upper)}{locking}");
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var row = _rows.Read(reader);
            chunk.Add(row, TableBinding.HashKey(row, _key));
            if (chunk.Bytes > MostBytes && _limit > 1)
            {
                command.Cancel();
                return null;
            }
        }
        return chunk;
    }

    /// <summary>The key of the last row of a full chunk; null when what is left is less.</summary>
    async Task<IReadOnlyList<string>?> Upper(IReadOnlyList<string>? after, CancellationToken ct)
    {
        await using var command = Command(
            $"SELECT {_range.SelectLiterals} {From} WHERE {_range.Between(after, null)} ORDER BY {_range.OrderBy} LIMIT 1 OFFSET {_limit - 1}"
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
            return null;
        var upper = new string[_range.Width];
        for (var i = 0; i < upper.Length; i++)
            upper[i] = System.Text.Encoding.ASCII.GetString((byte[])AsBytes(reader.GetValue(i)));
        return upper;
    }

    static object AsBytes(object value) => value is byte[] ? value : System.Text.Encoding.ASCII.GetBytes((string)value);

    MySqlCommand Command(string sql) => new(sql, _connection) { CommandTimeout = 0 };

    async Task Execute(string sql, CancellationToken ct)
    {
        await using var command = Command(sql);
        await command.ExecuteNonQueryAsync(ct);
    }
}
