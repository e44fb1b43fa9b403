using System.Text;
using System.Text.Json;
using CsCheck;
using Millrace.TestServers;
using MySqlConnector;

namespace Millrace.MySql.Rows;

/// <summary>Servers of these tests' own: they change global settings of the binlog.</summary>
public sealed class RowServers : IAsyncLifetime
{
    readonly Dictionary<ServerKind, DatabaseServer> _servers = [];

    public DatabaseServer this[ServerKind kind] => _servers[kind];

    public async ValueTask InitializeAsync()
    {
        foreach (var kind in new[] { ServerKind.MariaDb, ServerKind.MySql })
            _servers[kind] = await DatabaseServer.StartAsync(kind);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers.Values)
            await server.DisposeAsync();
    }
}

public class SnapshotAndStreamTests(RowServers servers) : IClassFixture<RowServers>
{
    [Theory]
    [InlineData(ServerKind.MariaDb, "FULL")]
    [InlineData(ServerKind.MariaDb, "NO_LOG")]
    [InlineData(ServerKind.MySql, "FULL")]
    [InlineData(ServerKind.MySql, "MINIMAL")]
    public async Task Every_value_has_the_same_bytes_from_snapshot_and_stream_and_means_what_was_inserted(ServerKind kind, string metadata)
    {
        var server = servers[kind];
        var columns = EveryType.Columns(kind);
        await using var database = await server.CreateDatabaseAsync();
        var definitions = string.Join(",\n", columns.Select(column => $"`{column.Name.Replace("`", "``")}` {column.Type}"));
        await database.ExecuteAsync(
            $"SET GLOBAL binlog_row_metadata={metadata}; SET sql_mode=''; CREATE TABLE `all` (id BIGINT PRIMARY KEY, {definitions}) ROW_FORMAT=DYNAMIC DEFAULT CHARSET utf8mb4"
        );
        await using var connection = new MySqlConnection(database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await SnapshotRowReader.PrepareSessionAsync(connection, TestContext.Current.CancellationToken);
        var schema = Assert.Single(await SchemaReader.ReadAsync(connection, database.Name, stop: TestContext.Current.CancellationToken));

        var row = columns.Where(column => column.Values is not null).Select(column => column.Values!).ToArray();
        var rows = new Rows(row).Array[8];
        await Gen.Select(rows, rows)
            .SampleAsync(
                async (inserted, updated) =>
                {
                    await Execute(connection, "DELETE FROM `all`; FLUSH BINARY LOGS");
                    await Execute(connection, "SET NAMES utf8mb4; SET sql_mode=''"); // zero dates and ENUM index 0 are wanted
                    await Write(connection, "INSERT INTO", columns, inserted);
                    var first = await Snapshot(connection, schema);
                    await Update(connection, columns, updated);
                    var second = await Snapshot(connection, schema);
                    await Execute(connection, "DELETE FROM `all`");
                    var (file, _) = await server.BinlogHeadAsync();
                    await Execute(connection, "FLUSH BINARY LOGS");

                    Check(inserted, columns, first);
                    Check(updated, columns, second);
                    var events = RecordedEvents.Read(Path.Combine(server.DataFolder!, file));
                    var stream = events.Decode([schema], map => map.Database == database.Name);
                    Assert.Equal(first, [.. stream.Where(r => r.Operation == RowOperation.Insert).Select(r => r.After!)]);
                    Assert.Equal(first, [.. stream.Where(r => r.Operation == RowOperation.Update).Select(r => r.Before!)]);
                    Assert.Equal(second, [.. stream.Where(r => r.Operation == RowOperation.Update).Select(r => r.After!)]);
                    Assert.Equal(second, [.. stream.Where(r => r.Operation == RowOperation.Delete).Select(r => r.Before!)]);
                    if (metadata == "FULL" && kind == ServerKind.MySql) // MariaDB's UUID and INET need the schema
                        Assert.Equal(stream, events.Decode([], map => map.Database == database.Name));
                },
                iter: 12,
                threads: 1,
                print: _ => "rows as the message below names them"
            );
    }

    sealed class Rows(Gen<Cell>[] columns) : Gen<Cell[]>
    {
        public override Cell[] Generate(PCG pcg, Size? min, out Size size)
        {
            size = new Size(0);
            return Array.ConvertAll(columns, column => column.Generate(pcg, null, out _));
        }
    }

    static async Task Write(MySqlConnection connection, string verb, IReadOnlyList<TypedColumn> columns, Cell[][] rows)
    {
        var names = string.Join(", ", columns.Where(column => column.Values is not null).Select(column => $"`{column.Name}`"));
        var values = rows.Select((row, id) => $"({id + 1}, {string.Join(", ", row.Select(cell => cell.Sql))})");
        await Execute(connection, $"{verb} `all` (id, {names}) VALUES {string.Join(",\n", values)}");
    }

    static async Task Update(MySqlConnection connection, IReadOnlyList<TypedColumn> columns, Cell[][] rows)
    {
        var names = columns.Where(column => column.Values is not null).Select(column => $"`{column.Name}`").ToArray();
        for (var id = 0; id < rows.Length; id++)
        {
            var sets = names.Zip(rows[id], (name, cell) => $"{name} = {cell.Sql}");
            await Execute(connection, $"UPDATE `all` SET {string.Join(", ", sets)} WHERE id = {id + 1}");
        }
    }

    static async Task Execute(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    static async Task<List<string>> Snapshot(MySqlConnection connection, TableSchema schema)
    {
        var snapshot = new SnapshotRowReader(schema);
        await using var command = new MySqlCommand($"SELECT {snapshot.SelectList} FROM `all` ORDER BY id", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(Encoding.UTF8.GetString(snapshot.Read(reader).Json));
        return rows;
    }

    static void Check(Cell[][] rows, IReadOnlyList<TypedColumn> columns, List<string> json)
    {
        Assert.Equal(rows.Length, json.Count);
        for (var id = 0; id < rows.Length; id++)
        {
            using var document = JsonDocument.Parse(json[id]);
            var values = document.RootElement.EnumerateObject().ToArray();
            Assert.Equal(["id", .. columns.Select(column => column.Name)], values.Select(value => value.Name));
            Assert.Equal($"{id + 1}", values[0].Value.GetRawText());
            Assert.Equal($"{id + 2}", document.RootElement.GetProperty("stored sum").GetRawText());
            Assert.Equal($"é{id + 1}", document.RootElement.GetProperty("virtual text").GetString());
            for (var c = 0; c < rows[id].Length; c++)
                try
                {
                    rows[id][c].Check(values[c + 1].Value);
                }
                catch (Exception e)
                {
                    throw new Xunit.Sdk.XunitException(
                        $"{columns[c].Type} <- {rows[id][c]} gave {values[c + 1].Value.GetRawText()}: {e.Message}"
                    );
                }
        }
    }
}
