using Millrace.MySql.Binlog;
using Millrace.MySql.Protocol;
using Millrace.MySql.Rows;
using MySqlConnector;

namespace Millrace.MySql.Doctor;

/// <summary>Whether the account may do what capturing does. Each right is tried, so roles and managed servers are judged right.</summary>
internal sealed class AccountChecks(ServerAddress address, List<Finding> findings)
{
    const int PrivilegeMissing = 1227; // ER_SPECIFIC_ACCESS_DENIED_ERROR, which MySqlConnector has no name for

    string User => $"'{address.Binlog.User}'@'%'";

    public async Task RunAsync(
        MySqlConnection connection,
        ServerVariables variables,
        IReadOnlyList<DoctorTable> tables,
        IReadOnlyList<TableSchema> schemas,
        CancellationToken stop
    )
    {
        var head = await HeadAsync(connection, variables, stop).ConfigureAwait(false);
        if (head is { } position)
            await DumpAsync(position, stop).ConfigureAwait(false);
        await SelectAsync(connection, tables, schemas, stop).ConfigureAwait(false);
    }

    /// <summary>Statements for an account that may capture and nothing else.</summary>
    public string LeastPrivilege(ServerVariables? variables, IReadOnlyList<DoctorTable>? tables)
    {
        const string account = "'millrace'@'%'";
        var monitor = variables is { IsMariaDb: true, Version: >= 10_005 } ? "BINLOG MONITOR" : "REPLICATION CLIENT";
        var select = tables is null or { Count: 0 or > 12 }
            ? [$"GRANT SELECT ON {Sql.Name(address.Database)}.* TO {account};"]
            : tables.Select(table => $"GRANT SELECT ON {Sql.Name(address.Database)}.{Sql.Name(table.Name)} TO {account};");
        return string.Join(
            "\n",
            [
                $"CREATE USER {account} IDENTIFIED BY 'a password of its own';",
                $"GRANT REPLICATION SLAVE, {monitor} ON *.* TO {account};",
                .. select,
            ]
        );
    }

    async Task<BinlogPosition?> HeadAsync(MySqlConnection connection, ServerVariables variables, CancellationToken stop)
    {
        var mariaDb = variables.IsMariaDb;
        try
        {
            await using var command = new MySqlCommand(
                !mariaDb && variables.Version >= 8_002 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS",
                connection
            );
            await using var reader = await command.ExecuteReaderAsync(stop).ConfigureAwait(false);
            if (!await reader.ReadAsync(stop).ConfigureAwait(false))
                return null; // no binlog: said already
            Filters(reader.GetString(2), reader.GetString(3), variables);
            return new(reader.GetString(0), Convert.ToUInt64(reader.GetValue(1)));
        }
        catch (MySqlException e) when (e.Number == PrivilegeMissing)
        {
            var privilege = mariaDb && variables.Version >= 10_005 ? "BINLOG MONITOR" : "REPLICATION CLIENT";
            findings.Add(
                new(
                    FindingLevel.Failure,
                    "grants",
                    $"{address.Binlog.User} may not see the binlog's positions: {e.Message}",
                    $"GRANT {privilege} ON *.* TO {User};"
                )
            );
            return null;
        }
    }

    void Filters(string only, string ignored, ServerVariables variables)
    {
        var database = address.Database;
        var listed = (string list) =>
            list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Contains(database, StringComparer.Ordinal);
        if (only.Length > 0 && !listed(only))
            findings.Add(
                new(
                    FindingLevel.Failure,
                    "binlog_do_db",
                    $"is {only}: changes of {database} are not logged",
                    variables.SetAtStart("binlog_do_db", $"{only},{database}")
                )
            );
        if (listed(ignored))
            findings.Add(
                new(
                    FindingLevel.Failure,
                    "binlog_ignore_db",
                    $"names {database}, whose changes are therefore not logged",
                    $"remove {database} from binlog_ignore_db in the server's configuration file, and restart it"
                )
            );
    }

    /// <summary>Asks for the end of the binlog, as capturing will.</summary>
    async Task DumpAsync(BinlogPosition head, CancellationToken stop)
    {
        try
        {
            await using var connection = await ServerConnection.Open(address.Binlog, stop).ConfigureAwait(false);
            var dump = new DumpOptions
            {
                ServerId = VisitorId(),
                Start = new BinlogStart.At(head),
                NonBlocking = true,
            };
            await using var reader = await ReplicationClient.Start(connection, dump, stop).ConfigureAwait(false);
            await reader.Read(stop).ConfigureAwait(false);
            findings.Add(new(FindingLevel.Ok, "grants", $"{address.Binlog.User} may read the binlog (tried it, at {head})"));
        }
        catch (MissingPrivilegeException e)
        {
            findings.Add(
                new(
                    FindingLevel.Failure,
                    "grants",
                    $"{address.Binlog.User} may not read the binlog: {e.Message}",
                    $"GRANT REPLICATION SLAVE ON *.* TO {User};"
                )
            );
        }
        catch (Exception e) when (e is WireException or BinlogException)
        {
            findings.Add(new(FindingLevel.Failure, "binlog", $"the binlog cannot be read: {e.Message}"));
        }
    }

    async Task SelectAsync(
        MySqlConnection connection,
        IReadOnlyList<DoctorTable> tables,
        IReadOnlyList<TableSchema> schemas,
        CancellationToken stop
    )
    {
        var denied = new List<string>();
        foreach (var table in schemas)
            try
            {
                await using var command = new MySqlCommand(
                    $"SELECT * FROM {Sql.Name(table.Database)}.{Sql.Name(table.Table)} LIMIT 0",
                    connection
                );
                await command.ExecuteNonQueryAsync(stop).ConfigureAwait(false);
            }
            catch (MySqlException e)
                when (e.ErrorCode
                        is MySqlErrorCode.TableAccessDenied
                            or MySqlErrorCode.ColumnAccessDenied
                            or MySqlErrorCode.DatabaseAccessDenied
                )
            {
                denied.Add(table.Table);
            }
        foreach (var table in denied)
            findings.Add(
                new(
                    FindingLevel.Failure,
                    "grants",
                    $"{address.Binlog.User} may not read {address.Database}.{table}",
                    $"GRANT SELECT ON {Sql.Name(address.Database)}.{Sql.Name(table)} TO {User};"
                )
            );
        if (denied.Count == 0 && schemas.Count > 0)
            findings.Add(
                new(
                    FindingLevel.Ok,
                    "grants",
                    $"{address.Binlog.User} may read {(schemas.Count == 1 ? "the table" : $"the {schemas.Count} tables")}"
                )
            );
        foreach (
            var missing in tables.Where(table =>
                !schemas.Any(schema => string.Equals(schema.Table, table.Name, StringComparison.OrdinalIgnoreCase))
            )
        )
            findings.Add(
                new(
                    FindingLevel.Failure,
                    $"table {missing.Name}",
                    $"there is no table {address.Database}.{missing.Name} that {address.Binlog.User} can see",
                    $"correct its name, or GRANT SELECT ON {Sql.Name(address.Database)}.{Sql.Name(missing.Name)} TO {User};"
                )
            );
    }

    /// <summary>All of the database was asked for, and there is nothing.</summary>
    public void SeesNothing() =>
        findings.Add(
            new(
                FindingLevel.Failure,
                "tables",
                $"{address.Binlog.User} can see no table in {address.Database}",
                $"GRANT SELECT ON {Sql.Name(address.Database)}.* TO {User};"
            )
        );

    /// <summary>An id for a short visit, out of the range that people give to servers: it must not end another replica's connection.</summary>
    public static uint VisitorId() => 2_100_000_000 + (uint)Random.Shared.Next(40_000_000);
}

/// <summary>Names in SQL.</summary>
internal static class Sql
{
    public static string Name(string name) => $"`{name.Replace("`", "``", StringComparison.Ordinal)}`";
}
