using System.Diagnostics;
using HelpDesk.Work;
using Millrace.TestServers;

namespace HelpDesk.Tests;

public class OracleTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task The_incident_log_is_890_tickets_also_when_the_replay_is_cut_short_and_run_again(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var whole = await server.CreateDatabaseAsync("desk");
        await using var cut = await server.CreateDatabaseAsync("desk");
        await ReplayAsync(whole, Stop);

        // Cut where enough rows are committed and most are not.
        using (var killed = CancellationTokenSource.CreateLinkedTokenSource(Stop))
        {
            var replay = ReplayAsync(cut, killed.Token);
            await PlayedAsync(cut, 500);
            await killed.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => replay);
        }
        var said = await ReplayAsync(cut, Stop);
        Assert.DoesNotContain(" 0 before", said);
        Assert.Contains("0 audit rows played now, 5,998 before", await ReplayAsync(cut, Stop));

        Assert.Equal(
            [
                [890L],
            ],
            await whole.QueryAsync("SELECT COUNT(*) FROM tickets")
        );
        const string tables = """
            SELECT t.reference, t.status, t.priority, c.name, a.name, t.opened_at, t.updated_at,
                   (SELECT GROUP_CONCAT(r.created_at, r.by_agent, r.author, r.body ORDER BY r.id) FROM replies r WHERE r.ticket_id = t.id),
                   (SELECT GROUP_CONCAT(g.tag) FROM ticket_tags g WHERE g.ticket_id = t.id)
            FROM tickets t JOIN categories c ON c.id = t.category_id LEFT JOIN agents a ON a.id = t.assignee_id ORDER BY t.reference
            """;
        Assert.Equal(await whole.QueryAsync(tables), await cut.QueryAsync(tables));
    }

    [Fact]
    public async Task The_script_names_the_alerts_of_the_incident_log()
    {
        var alerts = await Oracle.AlertsAsync(Stop);
        Assert.Equal(13, alerts.Count(a => a.GetProperty("rule").GetString() == "urgent-ticket-unanswered"));
        Assert.Equal(
            ["2016-03-02T11:27:00Z", "2016-03-02T12:30:00Z", "2016-03-02T14:28:00Z", "2016-03-02T15:36:00Z"],
            alerts.Where(a => a.GetProperty("rule").GetString() == "category-rush").Select(a => a.GetProperty("at").GetString())
        );
        // Whoever waits at least a minute waits less than a day; a lower bar is crossed more often.
        Assert.True((await Oracle.AlertsAsync(Stop, "--minutes", "1440")).Count < alerts.Count);
        Assert.True((await Oracle.AlertsAsync(Stop, "--rush", "5", "--urgent", "3")).Count > alerts.Count);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task The_statements_name_views_and_alerts_of_tickets_that_were_there_before(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync("desk");
        await using var source = Database.Open(database.ConnectionString);
        await Database.EnsureSchemaAsync(source, Stop);
        var now = new DateTime(2026, 3, 2, 12, 0, 0, DateTimeKind.Utc);
        await new SeedTickets(source, _ => { }).RunAsync(20_000, seed: 1, now, Stop);

        var alerts = await database.QueryAsync("SET @now = '2026-03-02 12:00:00'; " + await Oracle.SqlAsync("alerts.sql", Stop));
        Assert.Contains(alerts, row => (string)row[0]! == "urgent-ticket-unanswered");
        Assert.Single(alerts, row => (string)row[0]! == "category-rush");
        Assert.Empty(await database.QueryAsync("SET @now = '2020-01-01'; " + await Oracle.SqlAsync("alerts.sql", Stop)));

        var open = await database.QueryAsync(await Oracle.SqlAsync("views.sql", Stop));
        Assert.Equal(open.Select(row => row[2]).OrderByDescending(priority => priority), open.Select(row => row[2]));
        Assert.InRange(open.Count, 1, 5_000);
    }

    static async Task<string> ReplayAsync(TestDatabase database, CancellationToken stop)
    {
        await using var source = Database.Open(database.ConnectionString);
        await Database.EnsureSchemaAsync(source, stop);
        var last = "";
        await new Replay(source, line => last = line).RunAsync(Oracle.Log, null, stop);
        return last;
    }

    static async Task PlayedAsync(TestDatabase database, int rows)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var deadline = Stopwatch.StartNew(); deadline.Elapsed < TimeSpan.FromSeconds(60); await pause.WaitForNextTickAsync(Stop))
        {
            if ((await database.QueryAsync("SHOW TABLES LIKE 'imports'")).Count == 0)
                continue;
            if (Convert.ToInt64((await database.QueryAsync("SELECT COALESCE(SUM(rows_played), 0) FROM imports"))[0][0]) >= rows)
                return;
        }
        Assert.Fail($"The replay did not come to row {rows} within 60 s.");
    }
}
