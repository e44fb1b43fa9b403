using System.Text.Json;
using Millrace.TestServers;

namespace Millrace.Tool;

public class CaptureTests
{
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_server_s_changes_come_as_JSON_lines(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync();
        var (file, position) = await server.BinlogHeadAsync();
        await database.ExecuteAsync(
            "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20)); CREATE TABLE other (id INT PRIMARY KEY); INSERT INTO other VALUES (1)"
        );
        await database.ExecuteAsync("INSERT INTO t VALUES (1, 'é\"'), (2, NULL); UPDATE t SET name = 'x' WHERE id = 2");
        await database.ExecuteAsync("ALTER TABLE t ADD n INT UNSIGNED FIRST; DELETE FROM t WHERE id = 1");

        // The rows from before the ALTER do not fit the table of now, and nothing is guessed: names have to be in the binlog.
        var run = await ToolRun.Of(
            "capture",
            "--mysql",
            database.ConnectionString,
            "--from",
            $"{file}:{position}",
            "--until-end",
            "--table",
            "t"
        );
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("3 in information_schema", run.Errors);

        (file, position) = await server.BinlogHeadAsync();
        await database.ExecuteAsync(
            "INSERT INTO t VALUES (4000000000, 3, 'three'); UPDATE t SET name = 'y' WHERE id = 2; DELETE FROM t WHERE id = 3"
        );
        run = await ToolRun.Of(
            "capture",
            "--mysql",
            database.ConnectionString,
            "--from",
            $"{file}:{position}",
            "--until-end",
            "--table",
            "t"
        );
        Assert.Equal(0, run.ExitCode);
        var rows = run.Lines.Select(line => JsonElement.Parse(line)).ToArray();
        Assert.Equal(["insert", "update", "delete"], rows.Select(row => row.GetProperty("op").GetString()));
        Assert.All(rows, row => Assert.Equal($"{database.Name}.t", row.GetProperty("table").GetString()));
        Assert.Equal("""{"n":4000000000,"id":3,"name":"three"}""", rows[0].GetProperty("after").GetRawText());
        Assert.Equal(JsonValueKind.Null, rows[0].GetProperty("before").ValueKind);
        Assert.Equal("""{"n":null,"id":2,"name":"x"}""", rows[1].GetProperty("before").GetRawText());
        Assert.Equal("""{"n":null,"id":2,"name":"y"}""", rows[1].GetProperty("after").GetRawText());
        Assert.Equal(JsonValueKind.Null, rows[2].GetProperty("after").ValueKind);
        Assert.StartsWith(file, rows[0].GetProperty("position").GetString());
        Assert.NotEmpty(rows[0].GetProperty("gtid").GetString()!);
        var time = rows[0].GetProperty("time").GetDateTimeOffset();
        Assert.InRange(time, DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_binlog_file_with_full_metadata_needs_no_server_and_survives_an_ALTER(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind, "--binlog-row-metadata=FULL");
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync(
            "CREATE TABLE t (id INT PRIMARY KEY, s ENUM('a','b'), place POINT); INSERT INTO t VALUES (1, 'b', NULL)"
        );
        await database.ExecuteAsync("ALTER TABLE t DROP place, ADD n BIGINT UNSIGNED FIRST; UPDATE t SET n = 18446744073709551615");
        var (file, _) = await server.BinlogHeadAsync();
        var path = Path.Combine(server.DataFolder!, file);

        var run = await ToolRun.Of("capture", "--file", path, "--table", $"{database.Name}.t");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("place", run.Errors);
        run = await ToolRun.Of("capture", "--file", path, "--table", $"{database.Name}.t", "--exclude", "t.place");
        Assert.Equal(
            ["""{"id":1,"s":"b"}""", """{"n":18446744073709551615,"id":1,"s":"b"}"""],
            run.Lines.Select(line => JsonElement.Parse(line).GetProperty("after").GetRawText())
        );
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task A_capture_goes_on_until_it_is_stopped()
    {
        var server = await MariaDbServer.SharedAsync();
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY)");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        await using var lines = new LineStream();
        var errors = new StringWriter();
        var (file, position) = await server.BinlogHeadAsync();
        var run = CommandLine.RunAsync(
            ["capture", "--mysql", database.ConnectionString, "--from", $"{file}:{position}"],
            lines,
            TextWriter.Null,
            errors,
            stop.Token
        );
        for (var id = 1; id <= 3; id++)
        {
            await database.ExecuteAsync($"INSERT INTO t VALUES ({id})");
            var line = await lines.Next(stop.Token);
            Assert.Equal($$"""{"id":{{id}}}""", JsonElement.Parse(line).GetProperty("after").GetRawText());
        }
        await stop.CancelAsync();
        Assert.Equal(0, await run);
    }

    [Fact]
    public async Task What_cannot_be_carried_out_says_so()
    {
        var nowhere = await ToolRun.Of("capture", "--mysql", "Server=127.0.0.1;Port=1;User ID=x;Database=d");
        Assert.Equal(2, nowhere.ExitCode);
        Assert.StartsWith("millrace: ", nowhere.Errors);
        Assert.Equal(2, (await ToolRun.Of("capture", "--file", "/no/such/file")).ExitCode);
        Assert.Contains("no connection string", (await ToolRun.Of("doctor", "--mysql", "Nonsense=1")).Errors);
    }

    /// <summary>Hands out what is written to it line by line.</summary>
    sealed class LineStream : MemoryStream
    {
        readonly System.Threading.Channels.Channel<string> _lines = System.Threading.Channels.Channel.CreateUnbounded<string>();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            foreach (var line in System.Text.Encoding.UTF8.GetString(buffer.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                _lines.Writer.TryWrite(line);
            return ValueTask.CompletedTask;
        }

        public ValueTask<string> Next(CancellationToken stop) => _lines.Reader.ReadAsync(stop);
    }
}
