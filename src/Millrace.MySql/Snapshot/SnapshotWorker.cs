using Millrace.MySql.Capture;
using Millrace.MySql.Rows;
using MySqlConnector;

namespace Millrace.MySql.Snapshot;

/// <summary>What the worker is to read next.</summary>
/// <param name="Table">The table.</param>
/// <param name="Schema">Its definition.</param>
/// <param name="Snapshot">The snapshot's id.</param>
/// <param name="After">The key after which to go on; null at the beginning.</param>
/// <param name="Low">What the stream had read by then.</param>
internal sealed record ChunkRequest(TableBinding Table, TableSchema Schema, int Snapshot, IReadOnlyList<string>? After, StreamPoint Low);

/// <summary>The stream's side of a snapshot; its answers come between two transactions.</summary>
internal interface ISnapshotHost
{
    /// <summary>Waits for a table that needs rows, and opens a window on it.</summary>
    Task<ChunkRequest> Next(CancellationToken ct);

    /// <summary>Hands a chunk over; completes when it is committed or thrown away, and the next may be asked for.</summary>
    Task Deliver(Chunk chunk, CancellationToken ct);

    /// <summary>The table is not what its definition says: looks it up again before the next request.</summary>
    Task Doubt(CancellationToken ct);

    /// <summary>Says how many rows the server estimates a table to have.</summary>
    void Estimate(TableBinding table, long rows);
}

/// <summary>Reads the chunks of the tables that need a snapshot, one after the other, beside the stream.</summary>
internal sealed class SnapshotWorker(string connectionString, ServerFacts server, int chunkRows, TimeProvider clock)
{
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public async Task Run(ISnapshotHost host, CancellationToken ct)
    {
        ChunkReader? reader = null;
        (int Snapshot, TableSchema? Schema) current = default;
        MySqlConnection? connection = null;
        try
        {
            while (true)
            {
                var request = await host.Next(ct);
                if (connection is null)
                {
                    connection = new MySqlConnection(connectionString);
                    await connection.OpenAsync(ct);
                    await ChunkReader.Prepare(connection, ct);
                }
                try
                {
                    if (reader is null || current != (request.Snapshot, request.Schema))
                    {
                        var (rows, average) = await Estimate(connection, request.Schema, ct);
                        host.Estimate(request.Table, rows);
                        reader = new ChunkReader(connection, server, request.Table, request.Schema, chunkRows, average, clock);
                        current = (request.Snapshot, request.Schema);
                    }
                    await host.Deliver(await reader.Read(request.After, request.Snapshot, request.Low, ct), ct);
                }
                catch (Exception e)
                    when (e
                            is SchemaMismatchException
                                or MySqlException
                                {
                                    ErrorCode: MySqlErrorCode.NoSuchTable
                                        or MySqlErrorCode.BadFieldError
                                        or MySqlErrorCode.TableDefinitionChanged
                                }
                    )
                {
                    // Altered or dropped since it was looked up; the stream will say so, perhaps later than this.
                    reader = null;
                    await host.Doubt(ct);
                    await Task.Delay(Pause, clock, ct);
                }
            }
        }
        finally
        {
            if (connection is not null)
                await connection.DisposeAsync();
        }
    }

    static async Task<(long Rows, long Average)> Estimate(MySqlConnection connection, TableSchema table, CancellationToken ct)
    {
        await using var command = new MySqlCommand(
            "SELECT TABLE_ROWS, AVG_ROW_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = @database AND TABLE_NAME = @table",
            connection
        );
        command.Parameters.AddWithValue("@database", table.Database);
        command.Parameters.AddWithValue("@table", table.Table);
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
            return (0, 0);
        return (reader.IsDBNull(0) ? 0 : Convert.ToInt64(reader.GetValue(0)), reader.IsDBNull(1) ? 0 : Convert.ToInt64(reader.GetValue(1)));
    }
}
