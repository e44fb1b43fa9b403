using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>At the end of a snapshot the rows that it did not show, and that were not streamed meanwhile, are deletions.</summary>
public class SweepWhatWasNotShown
{
    private static readonly OrderRow One = new(1, "open");
    private static readonly LineRow Line = new(1, 1, "book");

    [Fact]
    public void A_row_deleted_unseen_is_a_deletion() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One))
            .Unseen(Delete(One))
            .Snapshot()
            .Then(Order, 1, Saw("order Deleted: open -> - (0 lines, snapshot)"));

    [Fact]
    public void A_child_deleted_unseen_is_a_deletion() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One), Insert(Line))
            .Unseen(Delete(Line))
            .Snapshot()
            .Then(Order, 1, Saw("line Deleted: 1=book -> - (0 lines, snapshot)"));

    [Fact]
    public void Rows_that_are_shown_as_they_were_stay() =>
        Scenario.Of(Orders).Given(Insert(One), Insert(Line)).Snapshot().Then(Order, 1).Snapshot().Then(Order, 1);

    [Fact]
    public void A_row_streamed_while_the_snapshot_ran_stays()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(One));
        var snapshot = scenario.SnapshotBegan("orders");
        scenario.When(Insert(One with { Id = 2 }), Update(One with { Status = "busy" }));
        scenario.SnapshotEnded("orders", snapshot);
        scenario.Settle();
        scenario
            .Then(Order, 1, Saw("order Updated: open -> busy (0 lines)"))
            .Then(Order, 2, Saw("order Inserted: - -> open (0 lines)"))
            .When(Update(One with { Id = 2, Status = "busy" }))
            .Then(Order, 2, Saw("order Updated: open -> busy (0 lines)"));
    }

    [Fact]
    public void A_child_that_waited_and_was_not_shown_waits_no_more() =>
        Scenario
            .Of(Orders)
            .Given(Insert(Line))
            .Unseen(Delete(Line))
            .Snapshot()
            .When(Insert(One))
            .Then(Order, 1, Saw("order Inserted: - -> open (0 lines)"));

    [Fact]
    public void A_snapshot_of_one_table_deletes_nothing_of_another() =>
        Scenario.Of(Orders).Given(Insert(One), Insert(Line)).Snapshot<OrderRow>(One).Then(Order, 1);

    [Fact]
    public void An_entity_is_swept_before_any_later_command_of_its_own()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(One)).Unseen(Delete(One));
        // All of it is one batch of the partition, so the sweep has had no turn when the command comes.
        var snapshot = scenario.SnapshotBegan("orders");
        scenario.SnapshotEnded("orders", snapshot);
        scenario
            .When(Insert(One with { Status = "again" }))
            .Then(Order, 1, Saw("order Deleted: open -> - (0 lines, snapshot)"), Saw("order Inserted: - -> again (0 lines)"));
    }

    [Fact]
    public void A_table_is_swept_whole_in_steps()
    {
        var rows = Enumerable.Range(1, 9_000).Select(id => new OrderRow(id, "open")).ToArray();
        var scenario = Scenario.Of(Orders).Given([.. rows.Select(Insert)]).Snapshot(rows[..10]);
        Assert.Equal(8_990, scenario.Since(scenario.Runtime.Application.Events(Order)).Count);
        scenario.Then(Order, 10).Then(Order, 11, Saw("order Deleted: open -> - (0 lines, snapshot)"));
    }

    [Fact]
    public void Truncate_is_the_same_sweep()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(One), Insert(Line)).Unseen(Delete(Line));
        scenario.Truncated("lines");
        scenario.Settle();
        scenario.Then(Order, 1, Saw("line Deleted: 1=book -> - (0 lines, snapshot)"));
    }
}
