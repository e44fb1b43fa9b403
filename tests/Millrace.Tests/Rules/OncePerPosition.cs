using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>Stream changes at or below the highest source position applied are dropped before any comparison.</summary>
public class OncePerPosition
{
    private static readonly OrderRow Row = new(1, "v1");

    private static Scenario Updated =>
        Scenario.Of(Orders).Given(Insert(Row)).Given(Update(Row with { Status = "v2" })).Given(Update(Row with { Status = "v3" }));

    [Fact]
    public void A_log_that_is_read_again_publishes_nothing() => Updated.ReadAgain().Then(Order, 1);

    [Fact]
    public void What_comes_after_it_is_applied() =>
        Updated.ReadAgain().When(Update(Row with { Status = "v4" })).Then(Order, 1, Saw("order Updated: v3 -> v4 (0 lines)"));

    [Fact]
    public void A_new_epoch_begins_below_every_position_of_the_old_one()
    {
        var scenario = Updated;
        scenario.Binlog.Epoch = 2;
        scenario.Binlog.Next = 1;
        scenario.When(Update(Row with { Status = "v4" })).Then(Order, 1, Saw("order Updated: v3 -> v4 (0 lines)"));
    }

    [Fact]
    public void Two_entities_of_one_transaction_are_both_applied() =>
        Scenario
            .Of(Orders)
            .When([.. Enumerable.Range(1, 9).Select(id => Insert(new OrderRow(id, "v1")))])
            .Then(Order, 1, Saw("order Inserted: - -> v1 (0 lines)"))
            .Then(Order, 9, Saw("order Inserted: - -> v1 (0 lines)"));
}
