namespace HelpDesk;

public sealed record Category(long Id, string Name);

public sealed record Agent(long Id, string Name, string Email);

public sealed record Ticket(
    long Id,
    string Subject,
    string Status,
    int Priority,
    long CategoryId,
    long? AssigneeId,
    string OpenedBy,
    DateTime OpenedAt,
    DateTime UpdatedAt,
    string? Reference
);

public sealed record Reply(long Id, long TicketId, string Author, bool ByAgent, string Body, DateTime CreatedAt);

/// <summary>A ticket with everything that hangs on it.</summary>
public sealed record TicketDetails(Ticket Ticket, IReadOnlyList<Reply> Replies, IReadOnlyList<string> Tags);

/// <summary>A line of the worklist: names in place of ids, and how many replies there are.</summary>
public sealed record TicketLine(
    long Id,
    string Subject,
    string Status,
    int Priority,
    string Category,
    string? Assignee,
    DateTime OpenedAt,
    long Replies,
    long AgentReplies
);

public sealed record NewTicket(string Subject, int Priority, long CategoryId, string OpenedBy, string? Body = null, string[]? Tags = null);

/// <summary>What to change of a ticket; what is null stays as it is.</summary>
public sealed record TicketChanges(string? Subject = null, string? Status = null, int? Priority = null, long? CategoryId = null);

public sealed record Assignment(long? AgentId);

public sealed record NewReply(string Author, bool ByAgent, string Body);

public sealed record ReplyMove(long TicketId);

public sealed record TagSet(string[] Tags);

public sealed record NewCategory(string Name);

public sealed record NewAgent(string Name, string Email);

public static class TicketWords
{
    public static readonly string[] Statuses = ["new", "open", "waiting", "resolved", "closed"];
    public static readonly string[] Priorities = ["low", "normal", "high", "urgent"];

    public static string Priority(int priority) => Priorities[priority - 1];
}

/// <summary>A request the desk refuses; the message is for the person who made it.</summary>
public sealed class DeskException(int status, string message) : Exception(message)
{
    public int Status => status;

    public static DeskException NotFound(string what, long id) => new(StatusCodes.Status404NotFound, $"There is no {what} {id}.");

    public static DeskException Invalid(string message) => new(StatusCodes.Status400BadRequest, message);

    public static DeskException Conflict(string message) => new(StatusCodes.Status409Conflict, message);
}
