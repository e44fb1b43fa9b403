using Desk;
using Millrace.Testing;
using static Desk.TicketCommand;
using static Desk.TicketEvent;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Scenarios;

/// <summary>The sketch's application, tested as its users would.</summary>
public class TicketTests
{
    private static readonly TicketRow Mail = new(1, "Mail is down", "open", Priority: 1, CategoryId: 5);
    private static readonly ReplyRow Reply = new(7, TicketId: 1, "ann", ByAgent: true);
    private static readonly global::Desk.Rules Thresholds = new(TimeSpan.FromMinutes(30));

    private static Scenario Desk => Scenario.Of(global::Desk.Application.Topology, Thresholds);

    [Fact]
    public void An_inserted_row_is_an_opened_ticket() =>
        Desk.When(Insert(Mail)).Then(Ticket.Definition, 1, new Opened("Mail is down", 1, 5));

    [Fact]
    public void One_update_may_be_two_events() =>
        Desk.Given(Insert(Mail))
            .When(Update(Mail with { Priority = 3, Status = "closed" }))
            .Then(Ticket.Definition, 1, new Prioritized(1, 3), new Closed(0));

    [Fact]
    public void A_reply_before_its_ticket_waits() =>
        Desk.When(Insert(Reply))
            .Then(Ticket.Definition, 1)
            .When(Insert(Mail))
            .Then(Ticket.Definition, 1, new Opened("Mail is down", 1, 5), new Answered("ann", First: true));

    [Fact]
    public void A_closed_ticket_is_not_acknowledged() =>
        Desk.Given(Insert(Mail with { Status = "closed" }))
            .When(1, new Acknowledge("ann"))
            .ThenRejected("The ticket is closed.")
            .Then(Ticket.Definition, 1);

    [Fact]
    public void Acknowledging_twice_says_it_once() =>
        Desk.Given(Insert(Mail))
            .When(1, new Acknowledge("ann"))
            .ThenAccepted()
            .Then(Ticket.Definition, 1, new Acknowledged("ann"))
            .When(1, new Acknowledge("ann"))
            .ThenAccepted()
            .Then(Ticket.Definition, 1);

    [Fact]
    public void Alerts_once_30_minutes_after_it_became_urgent() =>
        Desk.Given(Insert(Mail))
            .When(Update(Mail with { Priority = 3 }))
            .Then(Ticket.Definition, 1, new Prioritized(1, 3))
            .After(TimeSpan.FromMinutes(29))
            .ThenNoIntent()
            .After(TimeSpan.FromMinutes(1))
            .Then(new Alert("Ticket 1 is urgent and nobody has answered"))
            .After(TimeSpan.FromDays(1))
            .ThenNoIntent();

    [Fact]
    public void An_answered_ticket_raises_no_alert() =>
        Desk.Given(Insert(Mail with { Priority = 3 }))
            .After(TimeSpan.FromMinutes(29))
            .When(Insert(Reply))
            .Then(Ticket.Definition, 1, new Answered("ann", First: true))
            .After(TimeSpan.FromDays(1))
            .ThenNoIntent();

    [Fact]
    public void A_rush_in_one_category_raises_one_alert_and_another_after_it_calmed_down()
    {
        RowOp[] Tickets(int from, int count) =>
            [.. Enumerable.Range(from, count).Select(id => Insert(Mail with { Id = id, CategoryId = id % 2 + 5 }))];
        Desk.Given(Tickets(1, 40))
            .When(Insert(Mail with { Id = 41 }))
            .Then(new Alert("21 tickets in category 5 within an hour"))
            .After(TimeSpan.FromMinutes(10))
            .When(Insert(Mail with { Id = 42 }))
            .ThenNoIntent()
            .After(TimeSpan.FromHours(2))
            .When(Tickets(50, 42))
            .Then(new Alert("21 tickets in category 5 within an hour"), new Alert("21 tickets in category 6 within an hour"));
    }

    [Fact]
    public void The_view_has_what_is_open() =>
        Desk.When(Insert(Mail))
            .ThenView(OpenTickets.Definition, 1, new OpenTicket("Mail is down", 1, new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero)))
            .After(TimeSpan.FromHours(1))
            .When(Update(Mail with { Priority = 2 }))
            .ThenView(OpenTickets.Definition, 1, new OpenTicket("Mail is down", 2, new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero)))
            .When(Update(Mail with { Status = "closed" }))
            .ThenView(OpenTickets.Definition, 1, null);
}
