using System;
using Millrace;
using static Desk.TicketEvent;

namespace Desk;

public sealed record OpenTicket(string Subject, int Priority, DateTimeOffset Since);

public static class OpenTickets
{
    public static readonly ViewIndex<OpenTicket, int> ByPriority = new("priority", c => c.Priority);

    public static readonly View<OpenTicket> Definition = View.Named("open-tickets")
        .Of(Ticket.Definition)
        .PerEntity()
        .Document<OpenTicket>(Apply)
        .Index(ByPriority);

    public static OpenTicket? Apply(OpenTicket? document, TicketEvent e, Context context) =>
        (e, document) switch
        {
            (Opened o, _) => new OpenTicket(o.Subject, o.Priority, context.Time),
            (Imported { Status: not "closed" } i, _) => new OpenTicket(i.Subject, i.Priority, context.Time),
            (Prioritized p, { } open) => open with { Priority = p.To },
            (Closed, _) => null,
            _ => document,
        };
}
