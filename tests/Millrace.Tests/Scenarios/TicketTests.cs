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
}
