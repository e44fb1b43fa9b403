using Millrace;

[assembly: Deterministic]

namespace HelpDesk.Reactive;

[Row("tickets")]
public sealed partial record TicketRow(
    [Key] long Id,
    string Subject,
    string Status,
    int Priority,
    [References<CategoryRow>] long CategoryId,
    long? AssigneeId,
    string OpenedBy,
    DateTimeOffset OpenedAt,
    [OccurredAt] DateTimeOffset UpdatedAt
)
{
    public bool IsOpen => Status is not ("resolved" or "closed");
}

[Row("replies")]
public sealed partial record ReplyRow(
    [Key] long Id,
    [ChildOf<TicketRow>] long TicketId,
    string Author,
    bool ByAgent,
    [OccurredAt] DateTimeOffset CreatedAt
);

[Row("ticket_tags")]
public sealed partial record TagRow([Key, ChildOf<TicketRow>] long TicketId, [Key] string Tag);

[Row("categories")]
public sealed partial record CategoryRow([Key] long Id, string Name);
