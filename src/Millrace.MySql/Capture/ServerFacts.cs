using Millrace.MySql.Binlog;
using Millrace.Sources;
using MySqlConnector;

namespace Millrace.MySql.Capture;

/// <summary>A server's head: the end of its binlog, and the transactions it has executed.</summary>
internal sealed record ServerHead(BinlogPosition Position, string? Gtids);

/// <summary>What a source must know of its server.</summary>
internal sealed record ServerFacts
{
    public required string Version { get; init; }
    public required bool IsMariaDb { get; init; }

    /// <summary>The server's uuid where it has one.</summary>
    public required string Identity { get; init; }

    /// <summary>Whether its transactions have GTIDs.</summary>
    public required bool HasGtids { get; init; }

    /// <summary>Whether names of tables are compared without regard to case.</summary>
    public required bool IgnoresTableCase { get; init; }

    public required bool LogBin { get; init; }
    public required string Format { get; init; }
    public required string RowImage { get; init; }

    /// <summary>MySQL from 8.2 has another name for the statement that shows the head.</summary>
    bool ShowsBinaryLogStatus => !IsMariaDb && VersionNumber >= 8_002;

    int VersionNumber => NumberOf(Version);

    public static async Task<ServerFacts> Read(MySqlConnection connection, CancellationToken ct)
    {
        var variables = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        await using var command = new MySqlCommand(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'server_uuid', 'server_uid', 'gtid_mode', 'lower_case_table_names', "
                + "'log_bin', 'binlog_format', 'binlog_row_image')",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            variables[reader.GetString(0)] = reader.GetString(1);
        string Value(string name) => variables.GetValueOrDefault(name, "");
        var version = Value("version");
        var mariaDb = version.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);
        return new ServerFacts
        {
            Version = version,
            IsMariaDb = mariaDb,
            Identity = mariaDb ? Value("server_uid") : Value("server_uuid"),
            HasGtids = mariaDb || Value("gtid_mode") == "ON",
            IgnoresTableCase = Value("lower_case_table_names") is "1" or "2",
            LogBin = Value("log_bin") == "ON",
            // A server that has dropped the variable knows rows only.
            Format = variables.GetValueOrDefault("binlog_format", "ROW"),
            RowImage = Value("binlog_row_image"),
        };
    }

    /// <summary>Major and minor as one number: 9.7 is 9,007.</summary>
    static int NumberOf(string version)
    {
        var parts = version.Split('.', '-');
        return parts.Length > 1 && int.TryParse(parts[0], out var major) && int.TryParse(parts[1], out var minor)
            ? major * 1000 + minor
            : 0;
    }

    /// <summary>The end of the binlog. What a SELECT saw before this was asked is not behind it.</summary>
    public async Task<ServerHead> ReadHead(MySqlConnection connection, CancellationToken ct)
    {
        string? gtids = null;
        if (IsMariaDb)
        {
            // Asked for before the position, so that it holds nothing that stands behind it.
            await using var gtid = new MySqlCommand("SELECT @@global.gtid_binlog_pos", connection);
            gtids = await gtid.ExecuteScalarAsync(ct) as string ?? "";
        }
        await using var command = new MySqlCommand(ShowsBinaryLogStatus ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
            throw new SourceException("The server writes no binlog. Start it with log_bin (on RDS: turn automated backups on).");
        var position = new BinlogPosition(reader.GetString(0), Convert.ToUInt64(reader.GetValue(1)));
        if (HasGtids && !IsMariaDb)
            gtids = reader.GetString(4).ReplaceLineEndings("");
        return new ServerHead(position, gtids);
    }

    /// <summary>Says what in the server's configuration makes capturing impossible; null when nothing does.</summary>
    public string? Obstacle() =>
        !LogBin ? "The server writes no binlog (log_bin is OFF). Start it with log_bin=ON (on RDS: turn automated backups on)."
        : !Format.Equals("ROW", StringComparison.OrdinalIgnoreCase)
            ? $"binlog_format is {Format}, so the binlog has statements in place of rows. SET GLOBAL binlog_format = 'ROW' (on RDS: the parameter "
                + "binlog_format), let the application's sessions reconnect, and set it in the server's configuration."
        : null;
}
