using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Invoice;

namespace Millrace.Tests.Rules;

/// <summary>A required reference that has not arrived holds the entity as a missing parent does.</summary>
public class ReferencesHold
{
    private static readonly CustomerRow Ann = new(5, "Ann");
    private static readonly InvoiceRow One = new(1, 5, null, "one");

    [Fact]
    public void An_entity_waits_for_its_reference() =>
        Scenario
            .Of(Invoices)
            .When(Insert(One))
            .Then(Definition, 1)
            .When(Update(One with { Text = "two" }))
            .Then(Definition, 1)
            .When(Insert(Ann))
            .Then(Definition, 1, Sent("one", "Ann"), Sent("two", "Ann"));

    [Fact]
    public void Nobody_else_waits() =>
        Scenario
            .Of(Invoices)
            .Given(Insert(Ann))
            .Given(Insert(One with { Id = 2, CustomerId = 6 }))
            .When(Insert(One))
            .Then(Definition, 1, Sent("one", "Ann"));

    [Fact]
    public void A_later_row_of_an_entity_waits_too() =>
        Scenario
            .Of(Invoices)
            .Given(Insert(Ann), Insert(One))
            .When(Update(One with { CustomerId = 6, Text = "two" }))
            .Then(Definition, 1)
            .When(Insert(new CustomerRow(6, "Bob")))
            .Then(Definition, 1, Sent("two", "Bob"));

    [Fact]
    public void A_reference_that_may_be_missing_is_not_waited_for() =>
        Scenario.Of(Invoices).Given(Insert(Ann)).When(Insert(One with { PayerId = 77 })).Then(Definition, 1, Sent("one", "Ann"));

    [Fact]
    public void What_an_entity_waits_for_can_be_seen()
    {
        var scenario = Scenario.Of(Invoices).When(Insert(One));
        var held = Assert.Single(scenario.Runtime.Held());
        Assert.Equal(
            ("invoice", "1", false, "customers", "5", 1),
            (held.Aggregate, held.Entity, held.Parked, held.Table, held.Key, held.Waiting)
        );
    }

    [Fact]
    public void A_decision_reads_the_reference_as_it_was_at_its_command() =>
        Scenario
            .Of(Invoices)
            .Given(Insert(Ann), Insert(One))
            .Given(Update(Ann with { Name = "Anna" }))
            .When(Update(One with { Text = "two" }))
            .Then(Definition, 1, Sent("two", "Anna"));
}
