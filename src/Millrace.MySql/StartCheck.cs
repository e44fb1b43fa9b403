using Millrace.MySql.Binlog;
using Millrace.MySql.Capture;
using Millrace.MySql.Protocol;
using Millrace.MySql.Rows;
using Millrace.Sources;
using MySqlConnector;

namespace Millrace.MySql;

/// <summary>What would keep a source from capturing: each with what mends it.</summary>
internal static class StartCheck
{
    public static async Task<IReadOnlyList<string>> Run(
        string source,
        ServerAddress address,
        IReadOnlyList<CapturedTable> tables,
        CancellationToken ct
    )
    {
        var wrong = new List<string>();
        try
        {
            await using var sql = new MySqlConnection(address.Sql);
            await sql.OpenAsync(ct);
            var server = await ServerFacts.Read(sql, ct);
            if (server.Obstacle() is { } obstacle)
                wrong.Add(obstacle);
            if (!server.RowImage.Equals("FULL", StringComparison.OrdinalIgnoreCase))
                wrong.Add(
                    $"binlog_row_image is {server.RowImage}; rows without all their columns cannot be routed. SET GLOBAL binlog_row_image = 'FULL', and in the server's configuration."
                );
            var schemas = await SchemaReader.ReadAsync(sql, address.Database, [.. tables.Select(t => t.Name)], ct);
            wrong.AddRange(tables.SelectMany(table => Of(table, schemas, server, address)));
            if (server.LogBin)
                await Dump(sql, server, address, ct);
        }
        catch (Exception e) when (e is MySqlException or WireException or SourceException)
        {
            wrong.Add(e.Message);
        }
        return [.. wrong.Select(text => $"{source} ({address.Binlog}): {text}")];
    }

    static IEnumerable<string> Of(CapturedTable table, IReadOnlyList<TableSchema> schemas, ServerFacts server, ServerAddress address)
    {
        var comparison = server.IgnoresTableCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        var schema = schemas.FirstOrDefault(s => s.Table.Equals(table.Name, comparison));
        if (schema is null)
        {
            yield return $"there is no table {address.Database}.{table.Name}, or {address.Binlog.User} may not read it. Create it, correct the row record's [Row], "
                + $"or GRANT SELECT ON `{address.Database}`.* TO the user.";
            yield break;
        }
        if (schema.PrimaryKey.Count == 0)
            yield return $"the table {schema.FullName} has no primary key, so its rows cannot be told apart. ALTER TABLE {KeyOf(schema)} ADD PRIMARY KEY (...).";
        var missing = table
            .Columns.Where(column => !schema.Columns.Any(c => c.Name.Equals(column, StringComparison.OrdinalIgnoreCase)))
            .ToList();
        if (missing.Count > 0)
            yield return $"the table {schema.FullName} has no column {string.Join(", ", missing)}, which the application maps.";
    }

    static string KeyOf(TableSchema schema) => $"{Snapshot.KeyRange.Quote(schema.Database)}.{Snapshot.KeyRange.Quote(schema.Table)}";

    /// <summary>Asks for the end of the binlog, as the capture will, to see whether the account may.</summary>
    static async Task Dump(MySqlConnection sql, ServerFacts server, ServerAddress address, CancellationToken ct)
    {
        var head = await server.ReadHead(sql, ct);
        var connection = await ServerConnection.Open(address.Binlog, ct);
        try
        {
            var options = new DumpOptions
            {
                ServerId = 2_100_000_000 + (uint)Random.Shared.Next(40_000_000),
                Start = new BinlogStart.At(head.Position),
                NonBlocking = true,
            };
            await using var reader = await ReplicationClient.Start(connection, options, ct);
            await reader.Read(ct);
        }
        finally
        {
            await connection.DisposeAsync();
        }
    }
}
