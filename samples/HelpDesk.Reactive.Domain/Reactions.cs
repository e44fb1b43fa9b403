using Millrace;
using static HelpDesk.Reactive.TicketEvent;

namespace HelpDesk.Reactive;

/// <summary>The desk's thresholds; settings, so that they change without a new build and a replay knows which held when.</summary>
public sealed record Rules(int UrgentFrom = 4, double UnansweredMinutes = 30, int RushAbove = 20);

/// <summary>What decides whether a ticket is waiting urgently, and whether it is.</summary>
public sealed record Urgency(int Priority = 0, bool Open = false, int AgentReplies = 0, bool Waiting = false);

public static class Reactions
{
    /// <summary>An urgent ticket that nobody has answered within 30 minutes raises an alert.</summary>
    public static readonly Reaction Unanswered = Reaction
        .Named("urgent-ticket-unanswered")
        .Of(Ticket.Definition)
        .PerEntity()
        .Settings<Rules>()
        .State(new Urgency())
        .React(WhenUrgent);

    /// <summary>Too many tickets opened in one category within an hour raise an alert.</summary>
    public static readonly Reaction CategoryRush = Reaction
        .Named("category-rush")
        .Of(Ticket.Definition)
        .KeyedBy<Arrived, string>(e => e.Ticket.Category)
        .Settings<Rules>()
        .Sliding(TimeSpan.FromHours(1))
        .At(e => e is Imported(var ticket) ? ticket.OpenedAt : null)
        .MoreThan(rules => rules.RushAbove, (count, context) => new Alert($"{count} tickets within an hour in {context.Key}"));

    static Then<Urgency> WhenUrgent(Urgency was, TicketEvent e, ReactionContext<Rules> context)
    {
        if (e is Deleted)
            return Then.Forget;
        var now = e switch
        {
            Arrived(var card) => was with { Priority = card.Priority, Open = card.Status is not ("resolved" or "closed") },
            Reopened => was with { Open = true },
            Resolved or Closed => was with { Open = false },
            Prioritized(_, var to) => was with { Priority = to },
            _ => was with { AgentReplies = was.AgentReplies + e.Replies().ByAgents },
        };
        now = now with { Waiting = now is { Open: true, AgentReplies: 0 } && now.Priority >= context.Settings.UrgentFrom };
        if (now.Waiting == was.Waiting)
            return now;
        if (!now.Waiting)
            return Then.Keep(now).Cancel("unanswered");
        // A ticket that was there before has been waiting since it was opened: its rows say no more.
        var since = e is Imported(var there) ? there.OpenedAt : context.Time;
        var due = since.AddMinutes(context.Settings.UnansweredMinutes);
        return Then.Keep(now).At(due, "unanswered", new Alert($"Ticket {context.Key} is urgent and nobody has answered"));
    }
}
