using System.Text.Json.Serialization;
using Millrace;
using static HelpDesk.Reactive.TicketCommand;
using static HelpDesk.Reactive.TicketEvent;

namespace HelpDesk.Reactive;

/// <summary>What a ticket says at a glance.</summary>
public sealed record TicketCard(string Subject, int Priority, string Status, string Category, DateTimeOffset OpenedAt);

/// <summary>What happens to a ticket, in the desk's words. The discriminator is the durable name.</summary>
[JsonDerivedType(typeof(Opened), "ticket-opened")]
[JsonDerivedType(typeof(Imported), "ticket-imported")]
[JsonDerivedType(typeof(Described), "ticket-described")]
[JsonDerivedType(typeof(Prioritized), "ticket-prioritized")]
[JsonDerivedType(typeof(Assigned), "ticket-assigned")]
[JsonDerivedType(typeof(Progressed), "ticket-progressed")]
[JsonDerivedType(typeof(Resolved), "ticket-resolved")]
[JsonDerivedType(typeof(Closed), "ticket-closed")]
[JsonDerivedType(typeof(Reopened), "ticket-reopened")]
[JsonDerivedType(typeof(Deleted), "ticket-deleted")]
[JsonDerivedType(typeof(Answered), "ticket-answered")]
[JsonDerivedType(typeof(CustomerReplied), "ticket-customer-replied")]
[JsonDerivedType(typeof(ReplyMovedIn), "ticket-reply-moved-in")]
[JsonDerivedType(typeof(ReplyMovedOut), "ticket-reply-moved-out")]
[JsonDerivedType(typeof(ReplyDeleted), "ticket-reply-deleted")]
[JsonDerivedType(typeof(Tagged), "ticket-tagged")]
[JsonDerivedType(typeof(Untagged), "ticket-untagged")]
[JsonDerivedType(typeof(Acknowledged), "ticket-acknowledged")]
public abstract record TicketEvent
{
    private TicketEvent() { } // closed: every event is here

    /// <summary>A ticket is there that was not: somebody opened it, or it was there before anybody looked.</summary>
    public abstract record Arrived(TicketCard Ticket) : TicketEvent;

    public sealed record Opened(TicketCard Ticket, string By) : Arrived(Ticket);

    public sealed record Imported(TicketCard Ticket) : Arrived(Ticket);

    /// <summary>Its subject or its category was corrected.</summary>
    public sealed record Described(string Subject, string Category) : TicketEvent;

    public sealed record Prioritized(int From, int To) : TicketEvent;

    public sealed record Assigned(long? AgentId) : TicketEvent;

    /// <summary>Between new, open and waiting.</summary>
    public sealed record Progressed(string Status) : TicketEvent;

    public sealed record Resolved : TicketEvent;

    public sealed record Closed : TicketEvent;

    /// <summary>Carries what a list of open tickets needs, which forgot it when it was resolved.</summary>
    public sealed record Reopened(TicketCard Ticket) : TicketEvent;

    public sealed record Deleted : TicketEvent;

    public sealed record Answered(string By, bool First) : TicketEvent;

    public sealed record CustomerReplied(string By) : TicketEvent;

    public sealed record ReplyMovedIn(long ReplyId, bool ByAgent) : TicketEvent;

    public sealed record ReplyMovedOut(long ReplyId, bool ByAgent) : TicketEvent;

    public sealed record ReplyDeleted(long ReplyId, bool ByAgent) : TicketEvent;

    public sealed record Tagged(string Tag) : TicketEvent;

    public sealed record Untagged(string Tag) : TicketEvent;

    public sealed record Acknowledged(string By) : TicketEvent;
}

/// <summary>What the monolith has no column for.</summary>
[JsonDerivedType(typeof(Acknowledge), "acknowledge-ticket")]
public abstract record TicketCommand : ICommand<TicketEvent>
{
    private TicketCommand() { }

    /// <summary>"I have seen it": somebody takes note of a ticket before there is an answer.</summary>
    public sealed record Acknowledge(string Agent) : TicketCommand;
}

/// <summary>Only what the rows do not say, or would have to be counted for.</summary>
public sealed record TicketState(int AgentReplies = 0, string? AcknowledgedBy = null, bool Deleted = false);

public static class Ticket
{
    public static readonly Aggregate<TicketEvent> Definition = Aggregate
        .Named("ticket")
        .Root<TicketRow>()
        .Publishes<TicketEvent>()
        .State(new TicketState(), Evolve)
        .OnChange<TicketRow>(Decide)
        .OnChange<ReplyRow>(Decide)
        .OnChange<TagRow>(Decide)
        .Reference<CategoryRow>()
        .OnCommand<TicketCommand>(Decide);

    static IEnumerable<TicketEvent> Decide(TicketState state, Change<TicketRow> change, Context<TicketRow> context) =>
        change switch
        {
            (null, { } now) => Arrive(now, context),
            ({ }, null) => [new Deleted()],
            ({ } was, { } now) => Compare(was, now, context),
            _ => [],
        };

    static IEnumerable<TicketEvent> Arrive(TicketRow row, Context<TicketRow> context)
    {
        var card = Card(row, context);
        yield return context.IsSnapshot ? new Imported(card) : new Opened(card, row.OpenedBy);
        if (row.AssigneeId is not null)
            yield return new Assigned(row.AssigneeId);
    }

    // One update may say several things.
    static IEnumerable<TicketEvent> Compare(TicketRow was, TicketRow now, Context<TicketRow> context)
    {
        if (was.Subject != now.Subject || was.CategoryId != now.CategoryId)
            yield return new Described(now.Subject, Card(now, context).Category);
        if (was.Priority != now.Priority)
            yield return new Prioritized(was.Priority, now.Priority);
        if (was.AssigneeId != now.AssigneeId)
            yield return new Assigned(now.AssigneeId);
        if (was.Status != now.Status)
            yield return now.Status switch
            {
                "resolved" => new Resolved(),
                "closed" => new Closed(),
                _ when was.IsOpen => new Progressed(now.Status),
                _ => new Reopened(Card(now, context)),
            };
    }

    static IEnumerable<TicketEvent> Decide(TicketState state, Change<ReplyRow> change, Context<TicketRow> context) =>
        change switch
        {
            _ when state.Deleted => [], // its replies and tags went with it
            { Kind: ChangeKind.Joined, After: { } reply } => [new ReplyMovedIn(reply.Id, reply.ByAgent)],
            { Kind: ChangeKind.Left, Before: { } reply } => [new ReplyMovedOut(reply.Id, reply.ByAgent)],
            (null, { } reply) => [Replied(state, reply)],
            ({ } reply, null) => [new ReplyDeleted(reply.Id, reply.ByAgent)],
            ({ } was, { } now) when was.ByAgent != now.ByAgent => [new ReplyDeleted(was.Id, was.ByAgent), Replied(state, now)],
            _ => [], // its author was corrected
        };

    static TicketEvent Replied(TicketState state, ReplyRow reply) =>
        reply.ByAgent ? new Answered(reply.Author, First: state.AgentReplies == 0) : new CustomerReplied(reply.Author);

    static IEnumerable<TicketEvent> Decide(TicketState state, Change<TagRow> change, Context<TicketRow> context) =>
        change switch
        {
            _ when state.Deleted => [],
            (null, { } tag) => [new Tagged(tag.Tag)],
            ({ } tag, null) => [new Untagged(tag.Tag)],
            _ => [],
        };

    static Decision<TicketEvent> Decide(TicketState state, TicketCommand command, Context<TicketRow> context) =>
        command switch
        {
            Acknowledge when !context.Root.IsOpen => Decision.Reject($"The ticket is {context.Root.Status} already."),
            Acknowledge when state.AcknowledgedBy is { } other => Decision.Reject($"{other} has acknowledged it already."),
            Acknowledge(var agent) => [new Acknowledged(agent)],
            _ => Decision.Reject("The desk cannot do that."),
        };

    static TicketState Evolve(TicketState state, TicketEvent e, Context context) =>
        e switch
        {
            Acknowledged(var by) => state with { AcknowledgedBy = by },
            Reopened => state with { AcknowledgedBy = null },
            Deleted => state with { Deleted = true },
            _ => state with { AgentReplies = state.AgentReplies + e.Replies().ByAgents },
        };

    /// <summary>By how much an event changes the number of replies.</summary>
    public static (int All, int ByAgents) Replies(this TicketEvent e) =>
        e switch
        {
            Answered or ReplyMovedIn { ByAgent: true } => (1, 1),
            CustomerReplied or ReplyMovedIn => (1, 0),
            ReplyMovedOut { ByAgent: true } or ReplyDeleted { ByAgent: true } => (-1, -1),
            ReplyMovedOut or ReplyDeleted => (-1, 0),
            _ => (0, 0),
        };

    static TicketCard Card(TicketRow row, Context<TicketRow> context) =>
        new(row.Subject, row.Priority, row.Status, context.Reference<CategoryRow>(row.CategoryId)!.Name, row.OpenedAt);
}
