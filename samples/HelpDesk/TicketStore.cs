using Dapper;
using MySqlConnector;

namespace HelpDesk;

/// <summary>Everything that can be done with a ticket; each method is one transaction and returns what it changed.</summary>
public sealed class TicketStore(MySqlDataSource source, TimeProvider clock)
{
    const string TicketColumns =
        "id AS Id, subject AS Subject, status AS Status, priority AS Priority, category_id AS CategoryId, assignee_id AS AssigneeId, "
        + "opened_by AS OpenedBy, opened_at AS OpenedAt, updated_at AS UpdatedAt, reference AS Reference";
    const string ReplyColumns =
        "id AS Id, ticket_id AS TicketId, author AS Author, by_agent AS ByAgent, body AS Body, created_at AS CreatedAt";

    public async Task<IReadOnlyList<TicketLine>> ListAsync(string? status, long? categoryId, int limit, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        var where = status switch
        {
            null or "" or "unresolved" => "t.status IN ('new', 'open', 'waiting')",
            "all" => "TRUE",
            _ => "t.status = @status",
        };
        var lines = await connection.QueryAsync<TicketLine>(
            $"""
            SELECT t.id AS Id, t.subject AS Subject, t.status AS Status, t.priority AS Priority, c.name AS Category, a.name AS Assignee,
                   t.opened_at AS OpenedAt,
                   (SELECT COUNT(*) FROM replies r WHERE r.ticket_id = t.id) AS Replies,
                   (SELECT COUNT(*) FROM replies r WHERE r.ticket_id = t.id AND r.by_agent) AS AgentReplies
            FROM tickets t JOIN categories c ON c.id = t.category_id LEFT JOIN agents a ON a.id = t.assignee_id
            WHERE {where} AND (@categoryId IS NULL OR t.category_id = @categoryId)
            ORDER BY t.priority DESC, t.opened_at, t.id LIMIT @limit
            """,
            new
            {
                status,
                categoryId,
                limit = Math.Clamp(limit, 1, 1000),
            }
        );
        return lines.AsList();
    }

    public async Task<TicketDetails> FindAsync(long id, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        return await DetailsAsync(connection, null, id);
    }

    public Task<TicketDetails> OpenAsync(NewTicket ticket, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                Check(ticket.Priority);
                var now = Now();
                var id = await connection.ExecuteScalarAsync<long>(
                    """
                    INSERT INTO tickets (subject, status, priority, category_id, opened_by, opened_at, updated_at)
                    VALUES (@Subject, 'new', @Priority, @CategoryId, @OpenedBy, @now, @now); SELECT LAST_INSERT_ID()
                    """,
                    new
                    {
                        Subject = Text(ticket.Subject, 200, "subject"),
                        ticket.Priority,
                        ticket.CategoryId,
                        OpenedBy = Text(ticket.OpenedBy, 100, "name of who opens it"),
                        now,
                    },
                    transaction
                );
                await InsertTagsAsync(connection, transaction, id, ticket.Tags ?? []);
                if (!string.IsNullOrWhiteSpace(ticket.Body))
                    await InsertReplyAsync(connection, transaction, id, new NewReply(ticket.OpenedBy, false, ticket.Body), now);
                return await DetailsAsync(connection, transaction, id);
            },
            stop
        );

    public Task<TicketDetails> ChangeAsync(long id, TicketChanges changes, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                var ticket = await LockAsync(connection, transaction, id);
                var changed = ticket with
                {
                    Subject = changes.Subject is { } subject ? Text(subject, 200, "subject") : ticket.Subject,
                    Status = changes.Status ?? ticket.Status,
                    Priority = changes.Priority ?? ticket.Priority,
                    CategoryId = changes.CategoryId ?? ticket.CategoryId,
                };
                Check(changed.Priority);
                if (!TicketWords.Statuses.Contains(changed.Status))
                    throw DeskException.Invalid(
                        $"There is no status '{changed.Status}'; use one of {string.Join(", ", TicketWords.Statuses)}."
                    );
                if (changed != ticket)
                    await connection.ExecuteAsync(
                        "UPDATE tickets SET subject = @Subject, status = @Status, priority = @Priority, category_id = @CategoryId, updated_at = @UpdatedAt WHERE id = @Id",
                        changed with
                        {
                            UpdatedAt = Now(),
                        },
                        transaction
                    );
                return await DetailsAsync(connection, transaction, id);
            },
            stop
        );

    public Task<TicketDetails> AssignAsync(long id, long? agentId, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                await LockAsync(connection, transaction, id);
                await connection.ExecuteAsync(
                    "UPDATE tickets SET assignee_id = @agentId, updated_at = @now WHERE id = @id AND NOT assignee_id <=> @agentId",
                    new
                    {
                        id,
                        agentId,
                        now = Now(),
                    },
                    transaction
                );
                return await DetailsAsync(connection, transaction, id);
            },
            stop
        );

    /// <summary>Gives the ticket exactly these tags, as many an old application does it: all rows out, all rows in.</summary>
    public Task<TicketDetails> TagAsync(long id, string[] tags, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                await LockAsync(connection, transaction, id);
                await connection.ExecuteAsync("DELETE FROM ticket_tags WHERE ticket_id = @id", new { id }, transaction);
                await InsertTagsAsync(connection, transaction, id, tags);
                return await DetailsAsync(connection, transaction, id);
            },
            stop
        );

    public Task<TicketDetails> DeleteAsync(long id, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                await LockAsync(connection, transaction, id);
                var details = await DetailsAsync(connection, transaction, id);
                await connection.ExecuteAsync("DELETE FROM tickets WHERE id = @id", new { id }, transaction); // replies and tags go with it
                return details;
            },
            stop
        );

    public Task<Reply> ReplyAsync(long ticketId, NewReply reply, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                // The ticket is locked before the reply is inserted: the foreign key's shared lock first would invite deadlocks.
                var ticket = await LockAsync(connection, transaction, ticketId);
                var now = Now();
                var status = (reply.ByAgent, ticket.Status) switch
                {
                    (true, "new") => "open",
                    (false, "waiting" or "resolved") => "open",
                    _ => ticket.Status,
                };
                await connection.ExecuteAsync(
                    "UPDATE tickets SET status = @status, updated_at = @now WHERE id = @ticketId",
                    new
                    {
                        status,
                        now,
                        ticketId,
                    },
                    transaction
                );
                var id = await InsertReplyAsync(connection, transaction, ticketId, reply, now);
                return await ReplyAsync(connection, transaction, id);
            },
            stop
        );

    public Task<Reply> MoveReplyAsync(long id, long ticketId, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                var from = (await ReplyAsync(connection, transaction, id)).TicketId;
                foreach (var ticket in new[] { from, ticketId }.Distinct().Order())
                    await LockAsync(connection, transaction, ticket);
                await connection.ExecuteAsync(
                    """
                    UPDATE replies SET ticket_id = @ticketId WHERE id = @id;
                    UPDATE tickets SET updated_at = @now WHERE id IN (@from, @ticketId)
                    """,
                    new
                    {
                        id,
                        ticketId,
                        from,
                        now = Now(),
                    },
                    transaction
                );
                return await ReplyAsync(connection, transaction, id);
            },
            stop
        );

    public Task<Reply> DeleteReplyAsync(long id, CancellationToken stop) =>
        InTransactionAsync(
            async (connection, transaction) =>
            {
                var reply = await ReplyAsync(connection, transaction, id);
                await LockAsync(connection, transaction, reply.TicketId);
                await connection.ExecuteAsync(
                    "DELETE FROM replies WHERE id = @Id; UPDATE tickets SET updated_at = @now WHERE id = @TicketId",
                    new
                    {
                        reply.Id,
                        reply.TicketId,
                        now = Now(),
                    },
                    transaction
                );
                return reply;
            },
            stop
        );

    // The columns keep milliseconds; what is answered is what a later read gives.
    DateTime Now()
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond));
    }

    async Task<T> InTransactionAsync<T>(Func<MySqlConnection, MySqlTransaction, Task<T>> work, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        try
        {
            var result = await work(connection, transaction);
            await transaction.CommitAsync(stop);
            return result;
        }
        catch (MySqlException e) when (e.ErrorCode == MySqlErrorCode.NoReferencedRow2)
        {
            throw DeskException.Invalid("The category or the agent named does not exist.");
        }
    }

    static async Task<Ticket> LockAsync(MySqlConnection connection, MySqlTransaction transaction, long id) =>
        await connection.QuerySingleOrDefaultAsync<Ticket>(
            $"SELECT {TicketColumns} FROM tickets WHERE id = @id FOR UPDATE",
            new { id },
            transaction
        ) ?? throw DeskException.NotFound("ticket", id);

    static async Task<TicketDetails> DetailsAsync(MySqlConnection connection, MySqlTransaction? transaction, long id)
    {
        await using var results = await connection.QueryMultipleAsync(
            $"""
            SELECT {TicketColumns} FROM tickets WHERE id = @id;
            SELECT {ReplyColumns} FROM replies WHERE ticket_id = @id ORDER BY created_at, id;
            SELECT tag FROM ticket_tags WHERE ticket_id = @id ORDER BY tag
            """,
            new { id },
            transaction
        );
        var ticket = await results.ReadSingleOrDefaultAsync<Ticket>() ?? throw DeskException.NotFound("ticket", id);
        return new TicketDetails(ticket, (await results.ReadAsync<Reply>()).AsList(), (await results.ReadAsync<string>()).AsList());
    }

    static async Task<Reply> ReplyAsync(MySqlConnection connection, MySqlTransaction transaction, long id) =>
        await connection.QuerySingleOrDefaultAsync<Reply>($"SELECT {ReplyColumns} FROM replies WHERE id = @id", new { id }, transaction)
        ?? throw DeskException.NotFound("reply", id);

    static Task<long> InsertReplyAsync(
        MySqlConnection connection,
        MySqlTransaction transaction,
        long ticketId,
        NewReply reply,
        DateTime now
    ) =>
        connection.ExecuteScalarAsync<long>(
            """
            INSERT INTO replies (ticket_id, author, by_agent, body, created_at) VALUES (@ticketId, @Author, @ByAgent, @Body, @now);
            SELECT LAST_INSERT_ID()
            """,
            new
            {
                ticketId,
                Author = Text(reply.Author, 100, "author"),
                reply.ByAgent,
                Body = Text(reply.Body, 10_000, "text of the reply"),
                now,
            },
            transaction
        );

    static async Task InsertTagsAsync(MySqlConnection connection, MySqlTransaction transaction, long id, string[] tags)
    {
        // A set goes in as one statement: one row event with all its rows.
        var rows = tags.Select(t => Text(t, 40, "tag").ToLowerInvariant()).Distinct(StringComparer.Ordinal).ToArray();
        if (rows.Length == 0)
            return;
        var values = new DynamicParameters(new { id });
        for (var i = 0; i < rows.Length; i++)
            values.Add($"tag{i}", rows[i]);
        await connection.ExecuteAsync(
            $"INSERT IGNORE INTO ticket_tags (ticket_id, tag) VALUES {string.Join(", ", rows.Select((_, i) => $"(@id, @tag{i})"))}",
            values,
            transaction
        );
    }

    static void Check(int priority)
    {
        if (priority is < 1 or > 4)
            throw DeskException.Invalid($"Priority {priority} is none of 1 (low), 2 (normal), 3 (high), 4 (urgent).");
    }

    static string Text(string? text, int longest, string what)
    {
        var trimmed = (text ?? "").Trim();
        if (trimmed.Length == 0)
            throw DeskException.Invalid($"The {what} is missing.");
        return trimmed.Length <= longest ? trimmed : throw DeskException.Invalid($"The {what} is longer than {longest} characters.");
    }
}
