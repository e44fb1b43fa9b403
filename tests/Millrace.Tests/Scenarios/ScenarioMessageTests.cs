using Desk;
using Millrace.Testing;
using Millrace.Tests.Rules;
using static Desk.TicketEvent;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Scenarios;

/// <summary>What a person reads when a scenario goes otherwise.</summary>
public class ScenarioMessageTests
{
    private static readonly TicketRow Mail = new(1, "Mail is down", "open", Priority: 1, CategoryId: 5);

    private static Scenario Desk => Scenario.Of(global::Desk.Application.Topology, new global::Desk.Rules(TimeSpan.FromMinutes(30)));

    [Fact]
    public void Other_events_are_shown_beside_those_expected() =>
        Says(
            """
            ticket 1 published other events:
              - ticket-prioritized {"From":1,"To":2}   <- expected, not published
              + ticket-prioritized {"From":1,"To":3}   <- published, not expected
              = ticket-closed {"AgentReplies":0}
            """,
            () =>
                Desk.Given(Insert(Mail))
                    .When(Update(Mail with { Priority = 3, Status = "closed" }))
                    .Then(Ticket.Definition, 1, new Prioritized(1, 2), new Closed(0))
        );

    [Fact]
    public void A_wrong_id_is_told_by_who_published() =>
        Says(
            """
            ticket 2 published other events:
              - ticket-closed {"AgentReplies":0}   <- expected, not published
              Others published: ticket 1 (ticket-opened).
            """,
            () => Desk.When(Insert(Mail)).Then(Ticket.Definition, 2, new Closed(0))
        );

    [Fact]
    public void An_entity_that_waits_says_for_what() =>
        Says(
            """
            invoice 1 published other events:
              - sent {"Text":"one","To":"Ann"}   <- expected, not published
              invoice 1 is held. It waits for customers 5, which has not arrived.
            """,
            () =>
                Scenario
                    .Of(Invoice.Invoices)
                    .When(Insert(new InvoiceRow(1, 5, null, "one")))
                    .Then(Invoice.Definition, 1, Invoice.Sent("one", "Ann"))
        );

    [Fact]
    public void Intents_that_became_due_are_shown() =>
        Says(
            """
            Other intents became due by 2024-01-01T00:30:00.0000000+00:00:
              + alert {"text":"Ticket 1 is urgent and nobody has answered"}   <- became due, not expected
            """,
            () => Desk.Given(Insert(Mail with { Priority = 3 })).After(TimeSpan.FromMinutes(30)).ThenNoIntent()
        );

    [Fact]
    public void A_decision_that_throws_is_shown_with_what_it_threw()
    {
        var thrown = Assert.Throws<ScenarioException>(() =>
            Scenario.Of(Witness.Orders).When(Insert(new OrderRow(1, "poison"))).Then(Witness.Order, 1)
        );
        Assert.Contains("InvalidOperationException: poisoned", thrown.Message, StringComparison.Ordinal);
        Assert.IsType<InvalidOperationException>(thrown.InnerException);
    }

    [Fact]
    public void An_update_of_a_row_that_is_not_there_is_a_mistake_in_the_test() =>
        Says("There is no tickets 1 to update. Insert it first.", () => Desk.When(Update(Mail)));

    [Fact]
    public void Settings_that_are_missing_are_named() =>
        Says(
            "The reaction \"urgent-ticket-unanswered\" reads Rules: give one, Scenario.Of(topology, new Rules(…)).",
            () => Scenario.Of(global::Desk.Application.Topology)
        );

    private static void Says(string message, Func<Scenario> scenario) =>
        Assert.Equal(message, Assert.Throws<ScenarioException>(scenario).Message, ignoreLineEndingDifferences: true);
}
