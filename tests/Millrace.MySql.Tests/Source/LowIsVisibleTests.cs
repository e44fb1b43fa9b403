using System.Text.Json;
using Millrace.TestServers;
using MySqlConnector;

namespace Millrace.MySql.Tests.Source;

/// <summary>
/// The rule low-is-visible: a server writes a commit to the binlog before it shows it, so the stream may have told what a SELECT does not see yet.
/// Semi-synchronous replication holds a commit between the two for as long as no replica acknowledges it, and none ever does here.
/// </summary>
public sealed class LowIsVisibleTests
{
    const int Rows = 300;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static Task<DatabaseServer> HoldingServer(ServerKind kind) =>
        kind == ServerKind.MariaDb
            ? DatabaseServer.StartAsync(kind, "--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--rpl-semi-sync-master-timeout=600000")
            : DatabaseServer.StartAsync(
                kind,
                "--plugin-load-add=semisync_source.so",
                "--loose-rpl-semi-sync-source-wait-point=AFTER_SYNC",
                "--loose-rpl-semi-sync-source-timeout=600000"
            );

    static Task<int> Hold(DatabaseServer server, bool on) =>
        server.ExecuteAsync(
            $"SET GLOBAL rpl_semi_sync_{(server.Kind == ServerKind.MariaDb ? "master" : "source")}_enabled = {(on ? "ON" : "OFF")}"
        );

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_commit_that_the_binlog_has_and_a_select_does_not_show_yet_is_not_overtaken_by_a_chunk(ServerKind kind)
    {
        await using var server = await HoldingServer(kind);
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL)");
        await database.ExecuteAsync($"INSERT INTO t VALUES {string.Join(",", Enumerable.Range(1, Rows).Select(i => $"({i},0)"))}");
        var before = await server.BinlogHeadAsync();
        await Hold(server, true);
        var held = Update(database);
        try
        {
            await Until(async () => await server.BinlogHeadAsync() != before, "the binlog should have the update");
            Assert.Equal("0", await Version(database));

            // The last row is the one that is held; every chunk has one row.
            var capture = new RecordingCapture([RecordingCapture.Table("t", "id")]);
            await using var source = new RunningSource(capture, database, chunkRows: 1);
            // The snapshot waits for the commit, or comes to the row without it; how long this looks decides nothing but that.
            var (commits, still) = (-1, 0);
            await source.Until(
                () =>
                {
                    still = commits == capture.Commits ? still + 1 : 0;
                    commits = capture.Commits;
                    return still > 50 || capture.MarksSoFar().Contains("all ended");
                },
                "the snapshot should wait or end"
            );
            Assert.Equal("0", await Version(database));
            await Hold(server, false);
            await held;
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
            await source.UntilEqual("t");

            var versions = capture.FactsOf("t").Where(fact => fact.After?.Contains($"\"id\":{Rows},", StringComparison.Ordinal) == true);
            Assert.Equal([1], versions.Select(fact => VersionOf(fact.After!)).Distinct());
        }
        finally
        {
            await Hold(server, false);
            await held;
        }
    }

    /// <summary>What the stream has told and the server has not finished is not a lost position.</summary>
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_restart_while_a_commit_is_on_its_way_goes_on_where_it_was(ServerKind kind)
    {
        await using var server = await HoldingServer(kind);
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync($"CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL); INSERT INTO t VALUES ({Rows}, 0)");
        var capture = new RecordingCapture([RecordingCapture.Table("t", "id")]);
        Task held;
        await using (var source = new RunningSource(capture, database))
        {
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
            await Hold(server, true);
            held = Update(database);
            await source.Until(() => capture.FactsOf("t").Count == 2, "the stream should tell what is not visible yet");
            Assert.Equal("0", await Version(database));
        }
        try
        {
            await using var again = new RunningSource(capture, database);
            if (kind == ServerKind.MySql)
            {
                await again.Until(
                    async () => capture.MarksSoFar().Count > 3 || await IsWaiting(server),
                    () => "it should wait for the commit"
                );
            }
            await Hold(server, false);
            await held;
            await again.Until(() => capture.Status is { Connected: true, LagMicroseconds: 0 }, "it should stand at the head");
            await again.UntilEqual("t");
            Assert.Equal(["began t 1", "ended t 1", "all ended"], capture.MarksSoFar());
            Assert.Equal(2, capture.FactsOf("t").Count);
        }
        finally
        {
            await Hold(server, false);
            await held;
        }
    }

    static async Task<bool> IsWaiting(DatabaseServer server) =>
        (await server.QueryAsync("SELECT 1 FROM performance_schema.processlist WHERE INFO LIKE 'SELECT WAIT_FOR_EXECUTED%'")).Count > 0;

    static async Task Update(TestDatabase database)
    {
        await using var session = new MySqlConnection(database.ConnectionString + ";Pooling=false");
        await session.OpenAsync(Ct);
        await using var command = new MySqlCommand($"UPDATE t SET v = 1 WHERE id = {Rows}", session) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(Ct);
    }

    static async Task<string> Version(TestDatabase database) =>
        $"{(await database.QueryAsync($"SELECT v FROM t WHERE id = {Rows}"))[0][0]}";

    static int VersionOf(string json)
    {
        using var row = JsonDocument.Parse(json);
        return row.RootElement.GetProperty("v").GetInt32();
    }

    static async Task Until(Func<Task<bool>> condition, string otherwise)
    {
        var deadline = DateTime.UtcNow.AddSeconds(30);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < deadline, otherwise);
            await pause.WaitForNextTickAsync(Ct);
        }
    }
}
