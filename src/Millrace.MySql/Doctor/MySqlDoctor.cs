using Millrace.MySql.Rows;
using MySqlConnector;

namespace Millrace.MySql.Doctor;

/// <summary>
/// Checks before anything starts whether a server, an account and its tables can be captured. It reads and changes nothing, and needs no more than
/// capturing does: neither root nor SUPER.
/// </summary>
public static class MySqlDoctor
{
    /// <summary>Examines a server.</summary>
    /// <param name="connectionString">MySqlConnector's connection string with the account that will capture; it names the database.</param>
    /// <param name="tables">The tables to capture; null for all of the database.</param>
    /// <param name="stop">Ends the examination.</param>
    /// <returns>The findings. That the server cannot be reached is one of them, not an exception.</returns>
    /// <exception cref="ArgumentException">The connection string is none, or names no database.</exception>
    public static async Task<Diagnosis> ExamineAsync(
        string connectionString,
        IReadOnlyList<DoctorTable>? tables = null,
        CancellationToken stop = default
    )
    {
        if (new MySqlConnectionStringBuilder(connectionString).Database.Length == 0)
            throw new ArgumentException("The connection string names no database. Add Database=….", nameof(connectionString));
        return await ExamineAsync(new ServerAddress("doctor", connectionString), tables, stop).ConfigureAwait(false);
    }

    internal static async Task<Diagnosis> ExamineAsync(ServerAddress address, IReadOnlyList<DoctorTable>? tables, CancellationToken stop)
    {
        var findings = new List<Finding>();
        var server = $"{address.Binlog.Host}:{address.Binlog.Port}";
        var account = new AccountChecks(address, findings);
        ServerVariables? variables = null;
        try
        {
            await using var connection = new MySqlConnection(address.Sql);
            await connection.OpenAsync(stop).ConfigureAwait(false);
            variables = await ServerVariables.ReadAsync(connection, stop).ConfigureAwait(false);
            server = $"{variables.Name} at {server}";
            await new ServerChecks(variables, findings).RunAsync(connection, stop).ConfigureAwait(false);
            var names = tables?.Select(table => table.Name).ToArray();
            var schemas = await SchemaReader.ReadAsync(connection, address.Database, names, stop).ConfigureAwait(false);
            if (tables is null && schemas.Count == 0)
                account.SeesNothing();
            tables ??= [.. schemas.Select(schema => new DoctorTable(schema.Table))];
            await account.RunAsync(connection, variables, tables, schemas, stop).ConfigureAwait(false);
            await new TableChecks(variables, address.Database, tables, schemas, findings).RunAsync(connection, stop).ConfigureAwait(false);
        }
        catch (MySqlException e)
        {
            findings.Add(Refused(e, address));
        }
        return new(server, findings, account.LeastPrivilege(variables, tables));
    }

    static Finding Refused(MySqlException e, ServerAddress address)
    {
        var where = address.Binlog;
        return e.ErrorCode switch
        {
            MySqlErrorCode.AccessDenied => new(
                FindingLevel.Failure,
                "connection",
                $"{where} is refused: {e.Message}",
                "correct user and password, or create the account with the statements below"
            ),
            MySqlErrorCode.DatabaseAccessDenied or MySqlErrorCode.UnknownDatabase => new(
                FindingLevel.Failure,
                "connection",
                $"{where} may not use the database {address.Database}, or there is none: {e.Message}",
                $"GRANT SELECT ON `{address.Database}`.* TO '{address.Binlog.User}'@'%';"
            ),
            MySqlErrorCode.UnableToConnectToHost => new(
                FindingLevel.Failure,
                "connection",
                $"there is no server at {where.Host}:{where.Port}: {e.Message}",
                "start it, correct Server and Port, or open the way to it"
            ),
            _ => new(FindingLevel.Failure, "connection", $"{where}: {e.Message}"),
        };
    }
}
