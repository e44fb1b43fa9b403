using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>Delete and insert of one key in one transaction is an update.</summary>
public class ReplaceIsUpdate
{
    private static readonly OrderRow One = new(1, "open");
    private static readonly LineRow Line = new(1, 1, "book");

    [Fact]
    public void A_replaced_root_is_updated() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One))
            .When(Replace(One with { Status = "busy" }))
            .Then(Order, 1, Saw("order Updated: open -> busy (0 lines)"));

    [Fact]
    public void A_replaced_child_is_updated() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One), Insert(Line))
            .When(Replace(Line with { Sku = "pen" }))
            .Then(Order, 1, Saw("line Updated: 1=book -> 1=pen (1 lines)"));

    [Fact]
    public void A_row_replaced_by_itself_is_no_news() =>
        Scenario.Of(Orders).Given(Insert(One), Insert(Line)).When(Replace(One), Replace(Line)).Then(Order, 1);

    [Fact]
    public void The_entity_goes_on_with_its_state() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One))
            .Given(Replace(One with { Status = "busy" }))
            .When(1, new Saying.Say("hello"))
            .Then(Order, 1, Saw("hello after 2"));

    [Fact]
    public void In_two_transactions_it_is_an_end_and_a_beginning() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One))
            .When(Delete(One))
            .Then(Order, 1, Saw("order Deleted: open -> - (0 lines)"))
            .When(Insert(One))
            .Then(Order, 1, Saw("order Inserted: - -> open (0 lines)"))
            .When(1, new Saying.Say("hello"))
            .Then(Order, 1, Saw("hello after 1"));
}
