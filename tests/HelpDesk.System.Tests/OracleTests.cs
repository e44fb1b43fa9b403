using System.Diagnostics;
using System.Globalization;
using HelpDesk.Reactive;
using HelpDesk.Tests;
using HelpDesk.Work;
using Millrace.TestServers;

namespace HelpDesk.SystemTests;

/// <summary>The help desk's views and alerts, judged by SQL on its tables and by a script that reads the incident log.</summary>
public class OracleTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task The_incident_log_gives_the_views_that_SQL_says_and_the_alerts_that_the_script_says(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync("desk");
        await using var source = Database.Open(database.ConnectionString);
        await Database.EnsureSchemaAsync(source, Stop);
        // The log's times are the past; the wall clock would have every alert due at once.
        await using var beside = await Beside.StartAsync(database, followWallClock: false);

        // In its middle there are open tickets to compare, at its end there are none.
        using (var half = CancellationTokenSource.CreateLinkedTokenSource(Stop))
        {
            var replay = new Replay(source, _ => { }).RunAsync(Oracle.Log, null, half.Token);
            await EventuallyAsync(async () => await PlayedAsync(database) >= 2_500, "The replay came to row 2,500.");
            await half.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => replay);
        }
        await AgreesAsync(database, beside);
        Assert.NotEmpty(beside.View<OpenTicket>().All());

        await new Replay(source, _ => { }).RunAsync(Oracle.Log, null, Stop);
        await AgreesAsync(database, beside);
        var ids = (await database.QueryAsync("SELECT reference, id FROM tickets")).ToDictionary(row => (string)row[0]!, row => $"{row[1]}");
        var expected = (await Oracle.AlertsAsync(Stop)).Select(alert => new Told(
            alert.GetProperty("rule").GetString()!,
            alert.TryGetProperty("reference", out var reference) ? ids[reference.GetString()!] : alert.GetProperty("category").GetString()!,
            alert.GetProperty("at").GetDateTimeOffset()
        ));
        await SameAsync(expected.Select(told => $"{told}").Order(), () => beside.Alerts.Select(told => $"{told}").Order());
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Tickets_that_were_there_before_give_exactly_the_alerts_that_SQL_names(ServerKind kind)
    {
        var tickets = int.TryParse(Environment.GetEnvironmentVariable("MILLRACE_TICKETS"), out var number) ? number : 20_000;
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync("desk");
        await using var source = Database.Open(database.ConnectionString);
        await Database.EnsureSchemaAsync(source, Stop);
        await new SeedTickets(source, _ => { }).RunAsync(tickets, seed: 1, DateTime.UtcNow, Stop);

        await using var beside = await Beside.StartAsync(database, followWallClock: true);
        await AgreesAsync(database, beside);
        var names = (await database.QueryAsync("SELECT name, id FROM categories")).ToDictionary(row => (string)row[0]!, row => $"{row[1]}");
        var sql = await Oracle.SqlAsync("alerts.sql", Stop);
        // Tickets go on becoming due while this runs, in SQL and beside it.
        await EventuallyAsync(
            async () =>
                Lines((await database.QueryAsync(sql)).Select(row => $"{row[0]} {row[1]}"))
                == Lines(beside.Alerts.Select(told => $"{told.Reaction} {names.GetValueOrDefault(told.Key, told.Key)}")),
            "The alerts are those that SQL names."
        );
        Assert.Contains(beside.Alerts, told => told.Reaction == "category-rush");
        Assert.Contains(beside.Alerts, told => told.Reaction == "urgent-ticket-unanswered");
    }

    /// <summary>The views say what the tables say, as soon as they have come to the same point.</summary>
    internal static async Task AgreesAsync(TestDatabase database, Beside beside)
    {
        var views = (await Oracle.SqlAsync("views.sql", Stop)).Split(';', StringSplitOptions.TrimEntries);
        var open = (await database.QueryAsync(views[0])).Select(row => $"{row[0]} {row[1]} {row[2]} {row[3]} {Utc(row[4]):O}");
        // Where priority and time are equal SQL goes by number, the view by the number as text: compared as one set.
        await SameAsync(
            open.Order(StringComparer.Ordinal),
            () =>
                beside
                    .View<OpenTicket>()
                    .Range(OpenTickets.ByPriority)
                    .Select(t =>
                        $"{t.Key} {t.Document!.Subject} {t.Document.Priority} {t.Document.Status} {t.Document.Since.UtcDateTime:O}"
                    )
                    .Order(StringComparer.Ordinal)
        );
        var order = beside.View<OpenTicket>().Range(OpenTickets.ByPriority).Select(t => (-t.Document!.Priority, t.Document.Since)).ToList();
        Assert.Equal(order.Order(), order);

        var hangsOn = (await database.QueryAsync(views[1])).Select(row => $"{row[0]} {row[1]} {row[2]} {row[3]}");
        await SameAsync(
            hangsOn.Order(StringComparer.Ordinal),
            () =>
                beside
                    .View<TicketStory>()
                    .All()
                    .Select(s => $"{s.Key} {s.Document!.Replies} {s.Document.AgentReplies} {s.Document.Tags.Count}")
                    .Order(StringComparer.Ordinal)
        );
    }

    static async Task SameAsync(IEnumerable<string> expected, Func<IEnumerable<string>> actual)
    {
        var lines = expected.ToList();
        var clock = Stopwatch.StartNew();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        while (!lines.SequenceEqual(actual()) && clock.Elapsed < TimeSpan.FromSeconds(90))
            await pause.WaitForNextTickAsync(Stop);
        var seen = actual().ToList();
        // Thousands of lines are no message; what differs is.
        Assert.Equal(lines.Except(seen).Take(20), seen.Except(lines).Take(20));
        Assert.Equal(lines.Count, seen.Count);
    }

    internal static async Task EventuallyAsync(Func<Task<bool>> condition, string what)
    {
        var clock = Stopwatch.StartNew();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(90), $"Not within 90 s: {what}");
            await pause.WaitForNextTickAsync(Stop);
        }
    }

    static string Lines(IEnumerable<string> lines) => string.Join('\n', lines.Order(StringComparer.Ordinal));

    static DateTime Utc(object? time) => DateTime.SpecifyKind((DateTime)time!, DateTimeKind.Utc);

    internal static async Task<long> PlayedAsync(TestDatabase database) =>
        Convert.ToInt64(
            (await database.QueryAsync("SELECT COALESCE(SUM(rows_played), 0) FROM imports"))[0][0],
            CultureInfo.InvariantCulture
        );
}
