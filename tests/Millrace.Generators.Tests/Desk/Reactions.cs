using System;
using Millrace;
using static Desk.TicketEvent;

namespace Desk;

public sealed record Rules(TimeSpan AnswerWithin, int UrgentFrom = 3, int TicketsPerHour = 20);

public sealed record Waiting(bool Answered = false);

public static class Reactions
{
    public static readonly Reaction Unanswered = Reaction
        .Named("urgent-ticket-unanswered")
        .Of(Ticket.Definition)
        .PerEntity()
        .Settings<Rules>()
        .State(new Waiting())
        .React(WhenUrgent);

    public static Then<Waiting> WhenUrgent(Waiting s, TicketEvent e, ReactionContext<Rules> c) =>
        e switch
        {
            Opened o when o.Priority >= c.Settings.UrgentFrom => Arm(s, c),
            Prioritized p when p.To < c.Settings.UrgentFrom => Then.Keep(s).Cancel("answer"),
            Prioritized p when p.From < c.Settings.UrgentFrom && !s.Answered => Arm(s, c),
            Answered or Acknowledged => Then.Keep(s with { Answered = true }).Cancel("answer"),
            Closed => Then.Forget,
            _ => s,
        };

    private static Then<Waiting> Arm(Waiting s, ReactionContext<Rules> c) =>
        Then.Keep(s).At(c.Time + c.Settings.AnswerWithin, "answer", new Alert($"Ticket {c.Key} is urgent and nobody has answered"));

    public static readonly Reaction CategoryRush = Reaction
        .Named("category-rush")
        .Of(Ticket.Definition)
        .KeyedBy((Opened e) => e.CategoryId)
        .Settings<Rules>()
        .Sliding(TimeSpan.FromHours(1))
        .MoreThan(rules => rules.TicketsPerHour, (count, c) => new Alert($"{count} tickets in category {c.Key} within an hour"));
}
