using System.Globalization;
using MySqlConnector;

namespace Millrace.MySql.Doctor;

/// <summary>What the server is set to, as far as it matters to its binlog.</summary>
internal sealed class ServerChecks(ServerVariables variables, List<Finding> findings)
{
    /// <summary>A capture that is down over a weekend still finds its position.</summary>
    const double WantedHours = 72;

    static readonly string[] Durable = ["sync_binlog", "innodb_flush_log_at_trx_commit"];

    public async Task RunAsync(MySqlConnection connection, CancellationToken stop)
    {
        LogBin();
        Format();
        RowMetadata();
        PartialJson();
        ServerId();
        Gtids();
        await RetentionAsync(connection, stop).ConfigureAwait(false);
        Durability();
    }

    void Add(FindingLevel level, string check, string message, string? remedy = null) => findings.Add(new(level, check, message, remedy));

    void LogBin()
    {
        if (variables.Is("log_bin", "ON", "1"))
            Add(FindingLevel.Ok, "log_bin", "the server writes a binlog");
        else
            Add(
                FindingLevel.Failure,
                "log_bin",
                "the server writes no binlog, so there is nothing to capture",
                variables.IsRds
                    ? "set the backup retention period of the instance to a day or more, which turns the binlog on"
                    : "log_bin = binlog and server_id = 1 (a number of its own) under [mysqld] in the server's configuration file, and restart it"
            );
    }

    void Format()
    {
        // A server that dropped the variable knows rows only.
        if (variables["binlog_format"] is null || variables.Is("binlog_format", "ROW"))
            Add(FindingLevel.Ok, "binlog_format", "ROW");
        else
            Add(
                FindingLevel.Failure,
                "binlog_format",
                $"is {variables["binlog_format"]}: changes are logged as statements and cannot be read as rows",
                variables.Set("binlog_format", "ROW") + " Sessions that are open keep the old format until they reconnect."
            );
    }

    void RowMetadata()
    {
        if (variables["binlog_row_metadata"] is not { } metadata)
            Add(FindingLevel.Warning, "binlog_row_metadata", "this server has none: names and types come from information_schema alone");
        else if (variables.Is("binlog_row_metadata", "FULL"))
            Add(FindingLevel.Ok, "binlog_row_metadata", "FULL: the binlog says the names of columns itself");
        else
            Add(
                FindingLevel.Warning,
                "binlog_row_metadata",
                $"is {metadata}: names come from information_schema, so a change of a table while capturing is down may cost a new reading of it",
                variables.Set("binlog_row_metadata", "FULL")
            );
    }

    void PartialJson()
    {
        if (variables["binlog_row_value_options"] is { Length: > 0 } options)
            Add(
                FindingLevel.Failure,
                "binlog_row_value_options",
                $"is {options}: updates of JSON columns are logged in part and are not decoded",
                variables.Set("binlog_row_value_options", "")
            );
    }

    void ServerId()
    {
        if (variables.Is("server_id", "0"))
            Add(
                FindingLevel.Failure,
                "server_id",
                "is 0: the server refuses replicas, and Millrace reads as one",
                variables.IsMariaDb ? variables.Set("server_id", "1") : "SET PERSIST server_id = 1;"
            );
        else
            Add(FindingLevel.Ok, "server_id", variables["server_id"] ?? "?");
    }

    void Gtids()
    {
        if (variables.IsMariaDb)
            Add(FindingLevel.Ok, "gtid", "MariaDB numbers its transactions always");
        else if (variables.Is("gtid_mode", "ON"))
            Add(FindingLevel.Ok, "gtid", "gtid_mode is ON");
        else
            Add(
                FindingLevel.Warning,
                "gtid",
                $"gtid_mode is {variables["gtid_mode"]}: positions are file and offset, which another server after a failover does not know",
                variables.IsRds
                    ? "set the parameters gtid-mode = ON and enforce_gtid_consistency = ON in the instance's parameter group"
                    : "SET PERSIST enforce_gtid_consistency = ON; SET PERSIST gtid_mode = OFF_PERMISSIVE; SET PERSIST gtid_mode = ON_PERMISSIVE; SET PERSIST gtid_mode = ON;"
            );
    }

    async Task RetentionAsync(MySqlConnection connection, CancellationToken stop)
    {
        if (variables.IsRds && await RdsHoursAsync(connection, stop).ConfigureAwait(false) is { } rds)
        {
            Judge(rds.Hours, "CALL mysql.rds_set_configuration('binlog retention hours', 168);");
            return;
        }
        double Number(string name) =>
            double.TryParse(variables[name], NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : 0;
        var seconds = Number("binlog_expire_logs_seconds");
        if (seconds == 0)
            seconds = Number("expire_logs_days") * 86400;
        if (seconds == 0 || variables.Is("binlog_expire_logs_auto_purge", "OFF"))
            Add(FindingLevel.Ok, "binlog retention", "binlogs are kept until somebody purges them (mind the disk)");
        else
            Judge(
                seconds / 3600,
                variables.Set(
                    variables["binlog_expire_logs_seconds"] is null ? "expire_logs_days" : "binlog_expire_logs_seconds",
                    variables["binlog_expire_logs_seconds"] is null ? "7" : "604800"
                )
            );
    }

    void Judge(double hours, string remedy)
    {
        var kept = string.Create(CultureInfo.InvariantCulture, $"binlogs are kept for {hours:0.#} hours");
        if (hours >= WantedHours)
            Add(FindingLevel.Ok, "binlog retention", kept);
        else
            Add(
                FindingLevel.Warning,
                "binlog retention",
                $"{kept}: a capture that is down for longer loses its position and takes new snapshots, which cost the history in between",
                remedy
            );
    }

    static async Task<(double Hours, bool Known)?> RdsHoursAsync(MySqlConnection connection, CancellationToken stop)
    {
        try
        {
            await using var command = new MySqlCommand(
                "SELECT value FROM mysql.rds_configuration WHERE name = 'binlog retention hours'",
                connection
            );
            var value = await command.ExecuteScalarAsync(stop).ConfigureAwait(false);
            return (double.TryParse(value as string, CultureInfo.InvariantCulture, out var hours) ? hours : 0, true);
        }
        catch (MySqlException e) when (e.ErrorCode is MySqlErrorCode.TableAccessDenied or MySqlErrorCode.NoSuchTable)
        {
            return null; // Aurora, or an account that may not read it: the variables have to do
        }
    }

    void Durability()
    {
        var lazy = Durable.Where(name => !variables.Is(name, "1")).ToList();
        if (lazy.Count == 0)
        {
            Add(FindingLevel.Ok, "durability", "sync_binlog and innodb_flush_log_at_trx_commit are 1");
            return;
        }
        foreach (var name in lazy)
            Add(
                FindingLevel.Warning,
                name,
                $"is {variables[name]}: after a crash of the server's machine its binlog and its tables may disagree, and Millrace may have seen what is gone",
                variables.Set(name, "1")
            );
    }
}
