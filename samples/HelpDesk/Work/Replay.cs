using System.Diagnostics;
using System.Security.Cryptography;
using Dapper;
using MySqlConnector;

namespace HelpDesk.Work;

/// <summary>
/// Plays the incident log into the tables, one transaction an audit row, and goes on after the last committed row when it is run again.
/// </summary>
/// <remarks>
/// The first row of an incident inserts its ticket: opened_at as the row says, updated_at = sys_updated_at, the caller as who opened it, the
/// number as its reference. Every later row updates status, priority, category, assignee and updated_at. The assignment group is a tag.
/// The log holds no correspondence, so it is read from the states. An agent has answered in a row whose state is Active, Awaiting … or
/// Resolved and was another in the row before (or is the incident's first): the reply is by whom the incident is assigned to, else by who
/// made the row. The customer has replied in a row that leads from Awaiting User Info to Active, or from Resolved or Closed back to New or
/// Active. Both at sys_updated_at.
/// </remarks>
public sealed class Replay(MySqlDataSource source, Action<string> say)
{
    readonly Dictionary<string, long> tickets = [];
    readonly Dictionary<string, long> categories = [];
    readonly Dictionary<string, long> agents = [];

    public async Task RunAsync(string file, double? speed, CancellationToken stop)
    {
        var rows = IncidentLog.Read(file);
        var hash = await HashAsync(file, stop);
        await using var connection = await source.OpenConnectionAsync(stop);
        var played = await StartAsync(connection, hash, file);
        var before = played;
        var previous = new Dictionary<string, AuditRow>();
        foreach (var row in rows.Take(played))
            previous[row.Number] = row;

        var told = Stopwatch.StartNew();
        while (played < rows.Count)
        {
            var row = rows[played];
            if (speed is { } times && played > before && row.UpdatedAt - rows[played - 1].UpdatedAt is { Ticks: > 0 } pause)
                await Task.Delay(pause / times, stop);
            stop.ThrowIfCancellationRequested();
            await using (var transaction = await connection.BeginTransactionAsync(stop))
            {
                await PlayAsync(connection, transaction, row, previous.GetValueOrDefault(row.Number));
                await connection.ExecuteAsync(
                    "UPDATE imports SET rows_played = rows_played + 1 WHERE file_hash = @hash",
                    new { hash },
                    transaction
                );
                await transaction.CommitAsync(stop);
            }
            previous[row.Number] = row;
            played++;
            if (told.Elapsed > TimeSpan.FromSeconds(2))
            {
                say($"replay: {played:N0} of {rows.Count:N0} audit rows, {row.UpdatedAt:yyyy-MM-dd HH:mm}");
                told.Restart();
            }
        }
        var (ticketCount, replyCount) = await connection.QuerySingleAsync<(long, long)>(
            """
            SELECT (SELECT COUNT(*) FROM tickets WHERE reference IS NOT NULL),
                   (SELECT COUNT(*) FROM replies r JOIN tickets t ON t.id = r.ticket_id WHERE t.reference IS NOT NULL)
            """
        );
        say(
            $"replay: done. {played - before:N0} audit rows played now, {before:N0} before; {ticketCount:N0} tickets with a reference, "
                + $"{replyCount:N0} replies on them; the log ends at {rows[^1].UpdatedAt:yyyy-MM-dd HH:mm} UTC"
        );
    }

    async Task<int> StartAsync(MySqlConnection connection, string hash, string file)
    {
        foreach (
            var (name, id) in await connection.QueryAsync<(string, long)>("SELECT reference, id FROM tickets WHERE reference IS NOT NULL")
        )
            tickets[name] = id;
        foreach (var (name, id) in await connection.QueryAsync<(string, long)>("SELECT name, id FROM categories"))
            categories[name] = id;
        foreach (var (name, id) in await connection.QueryAsync<(string, long)>("SELECT name, id FROM agents"))
            agents[name] = id;
        await connection.ExecuteAsync(
            "INSERT IGNORE INTO imports (file_hash, file_name, rows_played) VALUES (@hash, @name, 0)",
            new { hash, name = Path.GetFileName(file) }
        );
        return await connection.ExecuteScalarAsync<int>("SELECT rows_played FROM imports WHERE file_hash = @hash", new { hash });
    }

    async Task PlayAsync(MySqlConnection connection, MySqlTransaction transaction, AuditRow row, AuditRow? was)
    {
        var ticket = new
        {
            Id = tickets.GetValueOrDefault(row.Number),
            Subject = string.Join(", ", new[] { row.Subcategory, row.Symptom }.OfType<string>().DefaultIfEmpty($"Incident {row.Number}")),
            row.Status,
            row.Priority,
            CategoryId = await IdAsync(categories, row.Category, "INSERT INTO categories (name) VALUES (@name)"),
            AssigneeId = row.AssignedTo is { } agent
                ? await IdAsync(
                    agents,
                    agent,
                    "INSERT INTO agents (name, email) VALUES (@name, CONCAT(LOWER(REPLACE(@name, ' ', '-')), '@desk.example'))"
                )
                : (long?)null,
            OpenedBy = row.Caller ?? row.OpenedBy ?? "unknown",
            row.OpenedAt,
            row.UpdatedAt,
            row.Number,
        };
        var id = ticket.Id;
        if (id == 0)
            tickets[row.Number] = id = await InsertAsync(
                """
                INSERT INTO tickets (subject, status, priority, category_id, assignee_id, opened_by, opened_at, updated_at, reference)
                VALUES (@Subject, @Status, @Priority, @CategoryId, @AssigneeId, @OpenedBy, @OpenedAt, @UpdatedAt, @Number)
                """,
                ticket
            );
        else
            await connection.ExecuteAsync(
                """
                UPDATE tickets SET status = @Status, priority = @Priority, category_id = @CategoryId, assignee_id = @AssigneeId, updated_at = @UpdatedAt
                WHERE id = @Id
                """,
                ticket,
                transaction
            );
        if (row.Group != was?.Group)
            await connection.ExecuteAsync(
                "DELETE FROM ticket_tags WHERE ticket_id = @id"
                    + (row.Group is null ? "" : "; INSERT INTO ticket_tags (ticket_id, tag) VALUES (@id, LOWER(@Group))"),
                new { id, row.Group },
                transaction
            );
        if (Correspondence(row, was) is var (byAgent, author, body))
            await connection.ExecuteAsync(
                "INSERT INTO replies (ticket_id, author, by_agent, body, created_at) VALUES (@id, @author, @byAgent, @body, @UpdatedAt)",
                new
                {
                    id,
                    author,
                    byAgent,
                    body,
                    row.UpdatedAt,
                },
                transaction
            );

        async Task<long> IdAsync(Dictionary<string, long> known, string name, string insert)
        {
            if (!known.TryGetValue(name, out var found))
                known[name] = found = await InsertAsync(insert, new { name });
            return found;
        }

        Task<long> InsertAsync(string sql, object values) =>
            connection.ExecuteScalarAsync<long>(sql + "; SELECT LAST_INSERT_ID()", values, transaction);
    }

    static (bool ByAgent, string Author, string Body)? Correspondence(AuditRow row, AuditRow? was)
    {
        if (row.State == was?.State)
            return null;
        var agent = row.AssignedTo ?? row.UpdatedBy;
        var customer = row.Caller ?? row.OpenedBy ?? "unknown";
        return (was?.State, row.State) switch
        {
            ("Awaiting User Info", "Active") => (false, customer, "Here is what you asked for."),
            ("Resolved" or "Closed", "New" or "Active") => (false, customer, "It is not solved yet."),
            (_, "Active") => (true, agent, "We are working on it."),
            (_, "Awaiting User Info") => (true, agent, "We need to know more from you."),
            (_, "Resolved") => (true, agent, "This should be solved now."),
            (_, "New" or "Closed") => null,
            _ => (true, agent, $"We are {char.ToLowerInvariant(row.State[0])}{row.State[1..]}."),
        };
    }

    static async Task<string> HashAsync(string file, CancellationToken stop)
    {
        await using var content = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(content, stop));
    }
}
