using Millrace.SystemTests.Domain;
using Millrace.SystemTests.Node;
using Millrace.TestServers;

namespace Millrace.SystemTests;

public sealed class KillTests
{
    /// <summary>
    /// One recorded binlog fed twice: once undisturbed and on the embedded engine, once with kill -9 at random moments, on either engine. The event logs are equal, record for record, and the
    /// view counted from them says what SQL says of the tables. A short round; MILLRACE_KILLS=50 and MILLRACE_CHANGES=340000 (statements, which change
    /// about 200,000 rows) make it the long one.
    /// </summary>
    [
        Theory,
        InlineData(ServerKind.MariaDb, EngineKind.Embedded),
        InlineData(ServerKind.MySql, EngineKind.Embedded),
        InlineData(ServerKind.MariaDb, EngineKind.Kafka)
    ]
    public async Task A_binlog_fed_with_kills_gives_the_same_event_log_as_one_fed_undisturbed(ServerKind kind, EngineKind engine)
    {
        var kills = Setting("MILLRACE_KILLS", 8);
        var changes = Setting("MILLRACE_CHANGES", 12_000);
        await using var beside = await BesideATable.OpenAsync(kind);
        var workload = new Workload(beside.Connection, seed: 3, orders: 200);
        await workload.BeginAsync();
        var (calm, rough) = (await beside.NewHomeAsync(EngineKind.Embedded), await beside.NewHomeAsync(engine));
        var copies = beside.NewFolder();
        long first = 0;
        foreach (var home in (Home[])[calm, rough])
        {
            // Both begin at the same place: a snapshot of the products alone.
            await using var node = await beside.StartAsync(home);
            await node.CaughtUpAsync(beside.HeadAsync);
            first = await node.CommandsAsync();
            Assert.Equal(0, await node.StopAsync());
        }
        await workload.WorkAsync(changes, TestContext.Current.CancellationToken);

        long last;
        string rows;
        var expected = Path.Combine(copies, "undisturbed");
        await using (var undisturbed = await beside.StartAsync(calm))
        {
            await beside.AgreesAsync(undisturbed);
            last = await undisturbed.CommandsAsync();
            rows = (await undisturbed.AskAsync("rows"))[0];
            await undisturbed.AskAsync($"copy {expected}");
            Assert.Equal(0, await undisturbed.StopAsync());
        }

        var random = new Random(4);
        // Half of the kills come at random places of the log, in order, so that they strike while it is read however fast that is.
        var places = Enumerable
            .Range(0, kills - kills / 2)
            .Select(_ => first + (long)((last - first) * random.NextDouble()))
            .Order()
            .ToArray();
        var underway = 0;
        for (var kill = 0; kill < kills; kill++)
        {
            await using var node = NodeProcess.Start(rough, beside.Account);
            if (kill % 2 == 0)
            {
                await node.StartedAsync();
                underway += await node.ReachesAsync(places[kill / 2]) < last ? 1 : 0;
            }
            else
            {
                // The others come at any time from its first breath on: while it opens its logs, connects, reads, or stands at the head.
                using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(random.Next(1, 1_500)));
                await moment.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            }
            await node.KillAsync();
        }
        await using var survivor = await beside.StartAsync(rough);
        await beside.AgreesAsync(survivor);
        var actual = Path.Combine(copies, "killed");
        await survivor.AskAsync($"copy {actual}");

        var records = AreEqual(expected, actual);
        AreWhole(actual);
        Assert.True(underway > 0, "No kill struck while the log was read.");
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{rows} row changes, {last - first} commands, {records} events; {kills} kills, {underway} of the {places.Length} aimed ones before the end"
        );
    }

    /// <summary>Fails at the first record that differs; returns how many there are.</summary>
    private static int AreEqual(string expected, string actual)
    {
        using var left = new StreamReader(expected);
        using var right = new StreamReader(actual);
        for (var record = 0; ; record++)
        {
            var (one, other) = (left.ReadLine(), right.ReadLine());
            if (one is null && other is null)
            {
                Assert.NotEqual(0, record);
                return record;
            }
            Assert.True(one == other, $"Record {record} differs:\n{one ?? "(no more)"}\n{other ?? "(no more)"}");
        }
    }

    /// <summary>By the copy's text alone: no event twice, and no entity's events out of its order.</summary>
    private static void AreWhole(string copy)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        var sequences = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines(copy))
        {
            var fields = line.Split('\t');
            var headers = fields[3]
                .Split(';', StringSplitOptions.RemoveEmptyEntries)
                .Select(header => header.Split('=', 2))
                .ToDictionary(header => header[0], header => header[1]);
            Assert.True(ids.Add($"{fields[2]} {headers["Id"]}"), $"twice: {line}");
            var sequence = long.Parse(headers["Sequence"], System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(sequence >= sequences.GetValueOrDefault(fields[2]), $"out of order: {line}");
            sequences[fields[2]] = sequence;
        }
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : otherwise;
}
