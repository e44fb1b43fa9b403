namespace Millrace.TestServers;

public class ServerTests
{
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_shared_server_writes_a_row_binlog_and_gives_each_test_a_database(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var one = await server.CreateDatabaseAsync();
        await using var other = await server.CreateDatabaseAsync();
        await one.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, NULL), (2, 'ä')");

        Assert.Equal(
            [
                [1, null],
                [2, "ä"],
            ],
            await one.QueryAsync("SELECT id, v FROM t ORDER BY id")
        );
        Assert.NotEqual(one.Name, other.Name);
        Assert.Same(server, await DatabaseServer.SharedAsync(kind));
        Assert.Equal("ROW", Assert.Single(await server.QueryAsync("SELECT @@binlog_format"))[0]);
        Assert.Equal(kind == ServerKind.MariaDb, ((string)(await server.QueryAsync("SELECT version()"))[0][0]!).Contains("MariaDB"));
        Assert.Empty(await server.QueryAsync("SELECT User FROM mysql.user WHERE User = ''"));
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_private_server_goes_on_with_its_data_after_a_restart_and_after_a_kill(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind, "--binlog-row-metadata=FULL");
        Assert.Equal("FULL", (await server.QueryAsync("SELECT @@binlog_row_metadata"))[0][0]);
        var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");

        await server.RestartAsync();
        await database.ExecuteAsync("INSERT INTO t VALUES (2)");
        await server.KillAsync();
        await Assert.ThrowsAsync<MySqlConnector.MySqlException>(() => server.QueryAsync("SELECT 1"));
        await server.ResumeAsync();

        Assert.Equal(
            [
                [1],
                [2],
            ],
            await database.QueryAsync("SELECT id FROM t ORDER BY id")
        );
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Purged_binlogs_are_gone_and_the_head_moves(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind);
        var before = await server.BinlogHeadAsync();
        await server.PurgeBinlogsAsync();
        var after = await server.BinlogHeadAsync();

        Assert.NotEqual(before.File, after.File);
        Assert.Equal([after.File], (await server.QueryAsync("SHOW BINARY LOGS")).Select(row => row[0]));
        Assert.True(File.Exists(Path.Combine(server.DataFolder!, after.File)));
    }
}
