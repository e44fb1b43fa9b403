using Millrace.SystemTests.Domain;
using Millrace.SystemTests.Node;
using Millrace.TestServers;

namespace Millrace.SystemTests;

public sealed class KillTests
{
    /// <summary>
    /// One recorded binlog fed twice: once undisturbed, once with kill -9 at random moments. The event logs are equal, record for record. A short
    /// round; MILLRACE_KILLS and MILLRACE_CHANGES make it the long one (50 and 200000).
    /// </summary>
    [Theory, InlineData(ServerKind.MariaDb), InlineData(ServerKind.MySql)]
    public async Task A_binlog_fed_with_kills_gives_the_same_event_log_as_one_fed_undisturbed(ServerKind kind)
    {
        var kills = Setting("MILLRACE_KILLS", 8);
        var changes = Setting("MILLRACE_CHANGES", 12_000);
        await using var beside = await BesideATable.OpenAsync(kind);
        var workload = new Workload(beside.Connection, seed: 3, orders: 200);
        await workload.BeginAsync();
        var (calm, rough) = (beside.NewFolder(), beside.NewFolder());
        foreach (var folder in (string[])[calm, rough])
        {
            // Both begin at the same place: a snapshot of the products alone.
            await using var node = await beside.StartAsync(folder);
            await node.CaughtUpAsync(beside.HeadAsync);
            Assert.Equal(0, await node.StopAsync());
        }
        await workload.WorkAsync(changes, TestContext.Current.CancellationToken);

        await using var undisturbed = await beside.StartAsync(calm);
        await beside.AgreesAsync(undisturbed);
        var expected = await undisturbed.AskAsync("events");
        Assert.Equal(0, await undisturbed.StopAsync());

        var random = new Random(4);
        var killed = 0;
        while (killed < kills)
        {
            await using var node = NodeProcess.Start(rough, beside.Connection);
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(random.Next(200, 2_500)));
            await moment.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            await node.KillAsync();
            killed++;
        }
        await using var survivor = await beside.StartAsync(rough);
        await beside.AgreesAsync(survivor);
        Assert.Equal(expected, await survivor.AskAsync("events"));
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : otherwise;
}
