extern alias next;
using System.Text.Json.Nodes;
using HelpDesk.Reactive;
using HelpDesk.Tests;
using HelpDesk.Work;
using Microsoft.Extensions.Hosting;
using Millrace;
using Millrace.TestServers;

namespace HelpDesk.SystemTests;

/// <summary>
/// What the desk's next build would do otherwise than the deployed one did, while that runs: exactly to the tickets that SQL names. Who had which priority
/// when is written down by triggers, which know nothing of a binlog.
/// </summary>
public class NextBuildTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    const string Witness = """
        CREATE TABLE witness (ticket BIGINT NOT NULL, what VARCHAR(20) NOT NULL, PRIMARY KEY (ticket, what));
        CREATE TRIGGER opened AFTER INSERT ON tickets FOR EACH ROW
          INSERT IGNORE INTO witness SELECT NEW.id, 'urgent card' FROM DUAL WHERE NEW.priority = 4;
        CREATE TRIGGER changed AFTER UPDATE ON tickets FOR EACH ROW
          INSERT IGNORE INTO witness
          SELECT NEW.id, 'urgent again' FROM DUAL
            WHERE NEW.priority = 4 AND OLD.status IN ('resolved', 'closed') AND NEW.status NOT IN ('resolved', 'closed')
          UNION ALL
          SELECT NEW.id, 'escalated' FROM DUAL WHERE OLD.priority < 3 AND NEW.priority >= 3;
        """;

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Replay_diff_names_exactly_the_tickets_that_SQL_names(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync("desk");
        await using var source = Database.Open(database.ConnectionString);
        await Database.EnsureSchemaAsync(source, Stop);
        // Tickets that were there before the first start, and the log after it.
        await new SeedTickets(source, _ => { }).RunAsync(2_000, seed: 1, DateTime.UtcNow, Stop);
        await database.ExecuteAsync(Witness);
        await database.ExecuteAsync("INSERT INTO witness SELECT id, 'urgent card' FROM tickets WHERE priority = 4");
        await using var beside = await Beside.StartAsync(database, followWallClock: false);
        using (var half = CancellationTokenSource.CreateLinkedTokenSource(Stop))
        {
            var replay = new Replay(source, _ => { }).RunAsync(Oracle.Log, null, half.Token);
            await OracleTests.EventuallyAsync(
                async () => await OracleTests.PlayedAsync(database) >= 3_000,
                "The replay came to row 3,000."
            );
            await half.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => replay);
        }
        // Some that the log may not have: high again after it was closed, and escalated without more.
        await database.ExecuteAsync(
            """
            UPDATE tickets SET status = 'closed' WHERE id % 50 = 1;
            UPDATE tickets SET status = 'open', priority = 4 WHERE id % 100 = 1;
            UPDATE tickets SET priority = 2 WHERE id % 70 = 3;
            UPDATE tickets SET priority = 3 WHERE id % 140 = 3;
            """
        );
        await OracleTests.AgreesAsync(database, beside);

        var none = await DiffAsync(Desk.Topology, beside.Folder);
        Assert.Equal((0, 0L), (none.Code, (long)none.Report["differences"]!));
        var (code, report) = await DiffAsync(next::HelpDesk.Reactive.Desk.Topology, beside.Folder);

        Assert.Equal(1, code);
        await SameAsync("what = 'escalated'", Entities(report, "ticket-escalated", "only-after"));
        await SameAsync("what = 'urgent again'", Entities(report, "ticket-reopened", "changed"));
        await SameAsync(
            "what = 'urgent card'",
            [.. Entities(report, "ticket-opened", "changed"), .. Entities(report, "ticket-imported", "changed")]
        );
        // And nothing else of any ticket.
        Assert.Equal(
            ["ticket-escalated", "ticket-imported", "ticket-opened", "ticket-reopened"],
            report["types"]!
                .AsArray()
                .Where(type => (string)type!["log"]! == "events" && type["entities"]!.AsArray().Count > 0)
                .Select(type => (string)type!["type"]!)
        );

        async Task SameAsync(string where, IEnumerable<string> found)
        {
            var named = (await database.QueryAsync($"SELECT DISTINCT ticket FROM witness WHERE {where}"))
                .Select(row => $"{row[0]}")
                .ToList();
            Assert.NotEmpty(named);
            Assert.Equal(named.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        }
    }

    static IEnumerable<string> Entities(JsonNode report, string type, string difference) =>
        report["types"]!
            .AsArray()
            .Where(one => (string)one!["type"]! == type)
            .SelectMany(one => one!["entities"]!.AsArray())
            .Where(entity => (string)entity!["difference"]! == difference)
            .Select(entity => (string)entity!["entity"]!);

    /// <summary>As the next build's executable does it, on the folder that the deployed one has.</summary>
    static async Task<(int Code, JsonNode Report)> DiffAsync(Topology build, string folder)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddMillrace(build).UseEmbedded(folder);
        using var host = builder.Build();
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Verbs.RunAsync(host.Services, ["replay", "diff", "--json"], output, error);
        Assert.Equal("", error.ToString());
        return (code, JsonNode.Parse(output.ToString())!);
    }
}
