using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Text.Json.Serialization;
using Millrace;
using static Desk.TicketCommand;
using static Desk.TicketEvent;

namespace Desk;

[JsonDerivedType(typeof(Opened), "ticket-opened")]
[JsonDerivedType(typeof(Imported), "ticket-imported")]
[JsonDerivedType(typeof(Prioritized), "ticket-prioritized")]
[JsonDerivedType(typeof(Answered), "ticket-answered")]
[JsonDerivedType(typeof(Acknowledged), "ticket-acknowledged")]
[JsonDerivedType(typeof(Closed), "ticket-closed")]
public abstract record TicketEvent
{
    private TicketEvent() { }

    public sealed record Opened(string Subject, int Priority, long CategoryId) : TicketEvent;

    public sealed record Imported(string Subject, int Priority, string Status) : TicketEvent;

    public sealed record Prioritized(int From, int To) : TicketEvent;

    public sealed record Answered(string By, bool First) : TicketEvent;

    public sealed record Acknowledged(string By) : TicketEvent;

    public sealed record Closed(int AgentReplies) : TicketEvent;
}

[JsonDerivedType(typeof(Acknowledge), "acknowledge-ticket")]
public abstract record TicketCommand : ICommand<TicketEvent>
{
    private TicketCommand() { }

    public sealed record Acknowledge(string Agent) : TicketCommand;
}

public sealed record TicketState(bool Answered = false, string? AcknowledgedBy = null);

public static class Ticket
{
    public static readonly Aggregate<TicketEvent> Definition = Aggregate
        .Named("ticket")
        .Root<TicketRow>()
        .Publishes<TicketEvent>()
        .State(new TicketState(), Evolve)
        .OnChange<TicketRow>(Decide)
        .OnChange<ReplyRow>(Decide)
        .OnCommand<TicketCommand>(Decide);

    public static IEnumerable<TicketEvent> Decide(TicketState state, Change<TicketRow> change, Context<TicketRow> context)
    {
        if (change is (null, { } row))
        {
            yield return context.IsSnapshot
                ? new Imported(row.Subject, row.Priority, row.Status)
                : new Opened(row.Subject, row.Priority, row.CategoryId);
        }
        if (change is ({ } was, { } now) && was.Priority != now.Priority)
        {
            yield return new Prioritized(was.Priority, now.Priority);
        }
        if (change is ({ Status: not "closed" }, null or { Status: "closed" }))
        {
            yield return new Closed(context.Children<ReplyRow>().Count(reply => reply.ByAgent));
        }
    }

    public static IEnumerable<TicketEvent> Decide(TicketState state, Change<ReplyRow> change, Context<TicketRow> context)
    {
        if (change is (null, { ByAgent: true } reply) && context.Root.Status != "closed")
        {
            yield return new Answered(reply.Author, First: !state.Answered);
        }
    }

    public static Decision<TicketEvent> Decide(TicketState state, TicketCommand command, Context<TicketRow> context) =>
        command switch
        {
            Acknowledge when context.Root.Status == "closed" => Decision.Reject("The ticket is closed."),
            Acknowledge(var agent) when agent == state.AcknowledgedBy => [],
            Acknowledge(var agent) => [new Acknowledged(agent)],
            _ => throw new UnreachableException(),
        };

    public static TicketState Evolve(TicketState state, TicketEvent e, Context context) =>
        e switch
        {
            Answered => state with { Answered = true },
            Acknowledged(var by) => state with { AcknowledgedBy = by },
            _ => state,
        };
}
