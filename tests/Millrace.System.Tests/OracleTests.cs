using Millrace.SystemTests.Domain;
using Millrace.TestServers;

namespace Millrace.SystemTests;

/// <summary>The views, counted from events alone, say what SQL says of the tables: after a snapshot under traffic, after restarts, after lost history.</summary>
public sealed class OracleTests
{
    [
        Theory,
        InlineData(ServerKind.MariaDb, EngineKind.Embedded),
        InlineData(ServerKind.MySql, EngineKind.Embedded),
        InlineData(ServerKind.MariaDb, EngineKind.Kafka)
    ]
    public async Task Views_agree_with_SQL_after_a_snapshot_under_traffic(ServerKind kind, EngineKind engine)
    {
        await using var beside = await BesideATable.OpenAsync(kind);
        var workload = new Workload(beside.Connection, seed: 1, orders: 60);
        await workload.BeginAsync();
        await workload.WorkAsync(3_000, TestContext.Current.CancellationToken);
        var home = await beside.NewHomeAsync(engine);
        var working = workload.WorkAsync(6_000, TestContext.Current.CancellationToken);
        await using (var node = await beside.StartAsync(home))
        {
            await working;
            await beside.AgreesAsync(node);
            await beside.WaitsForNobodyElseAsync(node);
            Assert.Equal(0, (await node.StatusAsync()).Held);
            Assert.Equal(0, await node.StopAsync());
        }
        await workload.WorkAsync(500, TestContext.Current.CancellationToken);
        await using var again = await beside.StartAsync(home);
        await beside.AgreesAsync(again);
    }

    [
        Theory,
        InlineData(ServerKind.MariaDb, EngineKind.Embedded),
        InlineData(ServerKind.MySql, EngineKind.Embedded),
        InlineData(ServerKind.MariaDb, EngineKind.Kafka)
    ]
    public async Task Purged_history_costs_the_history_in_between_and_never_the_truth(ServerKind kind, EngineKind engine)
    {
        await using var beside = await BesideATable.OpenAsync(kind);
        var workload = new Workload(beside.Connection, seed: 2, orders: 60);
        await workload.BeginAsync();
        await workload.WorkAsync(2_000, TestContext.Current.CancellationToken);
        var home = await beside.NewHomeAsync(engine);
        long events;
        await using (var node = await beside.StartAsync(home))
        {
            await beside.AgreesAsync(node);
            await node.StopAsync();
        }
        // Quiet tables: the second snapshot shows what the mirror has, and publishes nothing.
        await beside.Server.PurgeBinlogsAsync();
        List<string> before;
        await using (var node = await beside.StartAsync(home))
        {
            await beside.AgreesAsync(node);
            before = await node.AskAsync("events");
            events = (await node.StatusAsync()).Events;
            await node.StopAsync();
        }
        Assert.Equal(0, events);
        // Deleted and changed while nobody looked, and the binlog is gone.
        await workload.WorkAsync(1_000, TestContext.Current.CancellationToken);
        await beside.Server.ExecuteAsync($"DELETE FROM {Database(beside)}.orders WHERE region = 'EU' AND no < 30");
        await beside.Server.PurgeBinlogsAsync();
        await using var last = await beside.StartAsync(home);
        await beside.AgreesAsync(last);
        Assert.NotEqual(before, await last.AskAsync("events"));
    }

    private static string Database(BesideATable beside) => new MySqlConnector.MySqlConnectionStringBuilder(beside.Connection).Database;
}
