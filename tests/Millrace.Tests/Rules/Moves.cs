using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>A changed foreign key is Left in one entity and Joined in the other; a changed root key is an end and a beginning.</summary>
public class Moves
{
    private static readonly OrderRow One = new(1, "open");
    private static readonly OrderRow Two = new(2, "open");
    private static readonly RemarkRow Remark = new(9, 1, "hello");

    private static Scenario Both => Scenario.Of(Orders).Given(Insert(One), Insert(Two)).Given(Insert(Remark));

    [Fact]
    public void A_child_leaves_one_entity_and_joins_the_other() =>
        Both.When(Update(Remark with { OrderId = 2, Text = "bye" }))
            .Then(Order, 1, Saw("remark Left: hello -> - (0 lines)"))
            .Then(Order, 2, Saw("remark Joined: - -> bye (0 lines)"));

    [Fact]
    public void It_is_in_one_entity_alone_afterwards() =>
        Both.Given(Update(Remark with { OrderId = 2 }))
            .When(Delete(Remark))
            .Then(Order, 1)
            .Then(Order, 2, Saw("remark Deleted: hello -> - (0 lines)"));

    [Fact]
    public void Both_commands_are_of_one_source_transaction()
    {
        var scenario = Both.When(Update(Remark with { OrderId = 2 }));
        var events = scenario.Since(scenario.Runtime.Application.Events(Order));
        Assert.Equal(2, events.Count);
        Assert.Single(events.Select(e => e[Header.CorrelationId]).Distinct());
        Assert.Equal(2, events.Select(e => e[Header.CausationId]).Distinct().Count());
    }

    [Fact]
    public void A_child_without_a_parent_is_nobodys_until_it_has_one() =>
        Both.When(Update(Remark with { OrderId = null }))
            .Then(Order, 1, Saw("remark Deleted: hello -> - (0 lines)"))
            .When(Update(Remark with { OrderId = 2 }))
            .Then(Order, 1)
            .Then(Order, 2, Saw("remark Inserted: - -> hello (0 lines)"));

    [Fact]
    public void A_child_whose_own_key_changes_is_another_row_of_the_same_entity() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One), Insert(new LineRow(1, 1, "book")))
            .When(Update(new LineRow(1, 1, "book"), new LineRow(1, 2, "book")))
            .Then(Order, 1, Saw("line Inserted: - -> 2=book (1 lines)"), Saw("line Deleted: 1=book -> - (1 lines)"));

    [Fact]
    public void A_changed_root_key_is_an_end_and_a_beginning() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One))
            .When(Update(One, One with { Id = 3 }))
            .Then(Order, 1, Saw("order Left: open -> - (0 lines)"))
            .Then(Order, 3, Saw("order Joined: - -> open (0 lines)"));
}
