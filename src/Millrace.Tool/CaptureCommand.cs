using System.CommandLine;
using System.Globalization;
using Millrace.MySql;
using Millrace.MySql.Binlog;
using Millrace.MySql.Doctor;
using Millrace.MySql.Protocol;
using MySqlConnector;

namespace Millrace.Tool;

/// <summary><c>millrace capture</c>: rows of a server or of a binlog file as JSON lines.</summary>
internal static class CaptureCommand
{
    public static Command Create(Stream data, TextWriter errors)
    {
        var mysql = CommandLine.MySqlOption();
        var table = CommandLine.TableOption();
        table.Description =
            "A table, as NAME or DATABASE.NAME; may be given several times. Default: all of the connection's database, or of the file.";
        var exclude = CommandLine.ExcludeOption();
        var mask = CommandLine.MaskOption();
        var secret = new Option<string?>("--mask-secret")
        {
            Description = "What the hashes of masked columns are keyed with; MILLRACE_MASK_SECRET by default.",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("MILLRACE_MASK_SECRET"),
        };
        var file = new Option<FileInfo?>("--file")
        {
            Description =
                "A binlog file instead of a server. With --mysql too, that server says the names of columns that the file does not.",
        };
        var from = new Option<string>("--from")
        {
            Description = "Where to begin on a server: now, begin, or FILE:OFFSET.",
            DefaultValueFactory = _ => "now",
        };
        var untilEnd = new Option<bool>("--until-end") { Description = "End where the server's binlog ends, instead of waiting for more." };
        var replicaId = new Option<uint?>("--replica-id")
        {
            Description = "The id by which the server knows this reader; a random one by default.",
        };
        var command = new Command("capture", "Writes committed row changes to the standard output, one JSON object a line. Ctrl-C ends it.")
        {
            mysql,
            file,
            table,
            exclude,
            mask,
            secret,
            from,
            untilEnd,
            replicaId,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var rules = CommandLine.Rules(parsed.GetValue(exclude), parsed.GetValue(mask), parsed.GetValue(secret));
                var recorded = parsed.GetValue(file);
                var address = recorded is not null && parsed.GetValue(mysql) is null ? null : CommandLine.Address(parsed.GetValue(mysql));
                var server = address is null ? null : new ServerAddress("--mysql", address.ConnectionString);
                await using var sql = server is null ? null : new MySqlConnection(server.Sql);
                if (sql is not null)
                    await sql.OpenAsync(stop);
                var tables = new TableFilter(recorded is null ? address!.Database : null, parsed.GetValue(table) ?? []);
                if (sql is not null)
                    CommandLine.MustFit(rules, address!.Database, await CommandLine.TablesOf(sql, address.Database, stop));
                await using var reader = recorded is not null
                    ? BinlogReader.OfFile(recorded.OpenRead(), recorded.Name)
                    : await Dump(server!, sql!, parsed.GetValue(from)!, parsed.GetValue(untilEnd), parsed.GetValue(replicaId), stop);
                if (recorded is null)
                    await errors.WriteLineAsync($"millrace: reading {address!.Server}:{address.Port} from {reader.End}");
                await using var printer = new RowPrinter(reader, sql, tables, rules, data);
                await printer.RunAsync(stop);
                return 0;
            }
        );
        return command;
    }

    static async Task<BinlogReader> Dump(
        ServerAddress address,
        MySqlConnection sql,
        string from,
        bool untilEnd,
        uint? replicaId,
        CancellationToken stop
    )
    {
        var start = from switch
        {
            "now" => await Head(sql, stop),
            "begin" => await Oldest(sql, stop),
            _ when from.LastIndexOf(':') is > 0 and var colon
                    && ulong.TryParse(from.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var offset) =>
                new BinlogPosition(from[..colon], offset),
            _ => throw new UsageException($"--from is {from}: it is now, begin, or FILE:OFFSET such as binlog.000001:4"),
        };
        var connection = await ServerConnection.Open(address.Binlog, stop);
        return await ReplicationClient.Start(
            connection,
            new DumpOptions
            {
                ServerId = replicaId ?? AccountChecks.VisitorId(),
                Start = new BinlogStart.At(start),
                NonBlocking = untilEnd,
            },
            stop
        );
    }

    static async Task<BinlogPosition> Head(MySqlConnection sql, CancellationToken stop)
    {
        // MySQL renamed the statement in 8.2, MariaDB keeps it.
        var renamed =
            !sql.ServerVersion.Contains("MariaDB", StringComparison.OrdinalIgnoreCase)
            && Version.Parse(sql.ServerVersion.Split('-')[0]) >= new Version(8, 2);
        return await Position(sql, renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", stop);
    }

    static async Task<BinlogPosition> Oldest(MySqlConnection sql, CancellationToken stop) =>
        (await Position(sql, "SHOW BINARY LOGS", stop)) with
        {
            Offset = 4,
        };

    static async Task<BinlogPosition> Position(MySqlConnection sql, string statement, CancellationToken stop)
    {
        await using var command = new MySqlCommand(statement, sql);
        await using var reader = await command.ExecuteReaderAsync(stop);
        return await reader.ReadAsync(stop)
            ? new BinlogPosition(reader.GetString(0), Convert.ToUInt64(reader.GetValue(1)))
            : throw new UsageException("the server writes no binlog; `millrace doctor` says what to set");
    }
}
