using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>
/// Children wait for their root; once every table was shown whole, those whose root was not among it follow the policy that their aggregate
/// declares. They are counted and can be looked at.
/// </summary>
public class OrphansHaveAPolicy
{
    private static readonly OrderRow One = new(1, "open");
    private static readonly LineRow Line = new(1, 1, "book");
    private static readonly AggregateBuilder<OrderRow, Told, Seen> Dropping = Order.Child<LineRow>(Orphans.Drop);
    private static readonly Topology Droppers = Topology.Named("witness").Json(WitnessJson.Default).Add(Dropping);

    [Fact]
    public void What_waits_can_be_looked_at()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(Line), Insert(Line with { Number = 2 }), Insert(new RemarkRow(9, 1, "when?")));
        Assert.Equal(
            [
                ("order", "1", "lines", 2, false, "orders 1 has not arrived; the snapshot of all tables has not ended."),
                ("order", "1", "remarks", 1, false, "orders 1 has not arrived; the snapshot of all tables has not ended."),
            ],
            Waiting(scenario)
        );
        Assert.All(scenario.Runtime.Waiting(), rows => Assert.Equal(scenario.Now, Instants.Of(rows.Since)));
        scenario.When(Insert(One));
        Assert.Empty(scenario.Runtime.Waiting());
    }

    [Fact]
    public void Without_a_word_it_waits_on_and_belongs_to_the_root_that_comes_after_all()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(Line)).Snapshot();
        Assert.Equal(
            [("order", "1", "lines", 1, true, "Every table was shown whole without orders 1; the policy for lines is to wait on.")],
            Waiting(scenario)
        );
        Assert.Equal((1, 0), Counted(scenario));
        scenario.When(Insert(One)).Then(Order, 1, Saw("order Inserted: - -> open (1 lines)"), Saw("line Inserted: - -> 1=book (1 lines)"));
    }

    [Fact]
    public void What_is_to_be_dropped_is_gone_and_counted_and_a_later_root_begins_without_it()
    {
        var scenario = Scenario.Of(Droppers).Given(Insert(Line)).Snapshot().Then(Dropping, 1);
        Assert.Empty(scenario.Runtime.Waiting());
        Assert.Equal((0, 1), Counted(scenario));
        scenario.When(Insert(One)).Then(Dropping, 1, Saw("order Inserted: - -> open (0 lines)"));
    }

    [Fact]
    public void A_dropped_row_is_new_to_its_root_when_it_changes() =>
        Scenario
            .Of(Droppers)
            .Given(Insert(Line))
            .Snapshot()
            .Given(Insert(One))
            .When(Update(Line with { Sku = "pen" }))
            .Then(Dropping, 1, Saw("line Inserted: - -> 1=pen (1 lines)"));

    [Fact]
    public void A_dropped_row_is_new_to_its_root_when_a_later_snapshot_shows_it() =>
        Scenario
            .Of(Droppers)
            .Given(Insert(Line))
            .Snapshot()
            .Given(Insert(One))
            .Snapshot()
            .Then(Dropping, 1, Saw("line Inserted: - -> 1=book (1 lines, snapshot)"));

    [Fact]
    public void The_deletion_of_a_dropped_row_is_no_news() =>
        Scenario.Of(Droppers).Given(Insert(Line)).Snapshot().Given(Insert(One)).When(Delete(Line)).Then(Dropping, 1);

    [Fact]
    public void A_child_that_comes_after_the_tables_were_shown_waits_for_its_root()
    {
        var scenario = Scenario.Of(Droppers).Snapshot().Given(Insert(Line));
        Assert.Equal([("order", "1", "lines", 1, false, "orders 1 has not arrived.")], Waiting(scenario));
        scenario
            .When(Insert(One))
            .Then(Dropping, 1, Saw("order Inserted: - -> open (1 lines)"), Saw("line Inserted: - -> 1=book (1 lines)"));
    }

    [Fact]
    public void What_waited_is_told_from_what_comes_later_whatever_the_steps()
    {
        var scenario = Scenario.Of(Droppers).Given(Insert(Line));
        // All of it is one batch of the partition, so the orphans have had no turn when the next line comes.
        scenario.AllSnapshotsEnded();
        scenario.Given(Insert(Line with { Number = 2, Sku = "pen" }));
        Assert.Equal((1, 1), Counted(scenario));
        scenario
            .When(Insert(One))
            .Then(Dropping, 1, Saw("order Inserted: - -> open (1 lines)"), Saw("line Inserted: - -> 2=pen (1 lines)"));
    }

    [Fact]
    public void A_root_right_behind_the_last_snapshot_begins_without_what_was_dropped()
    {
        var scenario = Scenario.Of(Droppers).Given(Insert(Line));
        scenario.AllSnapshotsEnded();
        scenario.When(Insert(One)).Then(Dropping, 1, Saw("order Inserted: - -> open (0 lines)"));
        Assert.Equal((0, 1), Counted(scenario));
    }

    [Fact]
    public async Task Children_of_a_root_that_is_parked_are_not_without_one()
    {
        var scenario = Scenario
            .Of(Droppers)
            .Given(Insert(Line))
            .When(Insert(One with { Status = "poison" }))
            .ThenParked(Dropping, 1)
            .When(Update(One));
        scenario.AllSnapshotsEnded();
        scenario.Settle();
        Assert.Equal((1, 0), Counted(scenario));
        await scenario.Runtime.Operator.SkipAsync("order", "1", null, "a typing error", "ann");
        scenario.Settle();
        scenario.Then(Dropping, 1, Saw("order Inserted: - -> open (1 lines)"), Saw("line Inserted: - -> 1=book (1 lines)"));
        Assert.Equal((0, 0), Counted(scenario));
    }

    [Fact]
    public async Task What_stays_without_a_root_once_it_is_held_no_more_is_dropped()
    {
        var scenario = Scenario.Of(Droppers).Given(Insert(Line)).When(Insert(One with { Status = "poison" })).ThenParked(Dropping, 1);
        scenario.AllSnapshotsEnded();
        scenario.Given(Insert(Line with { Number = 2 }));
        await scenario.Runtime.Operator.SkipAsync("order", "1", null, "a typing error", "ann");
        scenario.Settle();
        // The second came when the tables had been shown.
        Assert.Equal((1, 1), Counted(scenario));
    }

    [Fact]
    public void Many_are_dropped_in_steps_each_row_once()
    {
        var scenario = Scenario
            .Of(Droppers)
            .Given([.. Enumerable.Range(1, 9_000).Select(number => Insert(new LineRow(1, number, "book")))])
            .Given([.. Enumerable.Range(2, 5_000).Select(order => Insert(new LineRow(order, 1, "book")))])
            .Given(Insert(new RemarkRow(9, 1, "when?")));
        Assert.Equal((14_001, 0), Counted(scenario));
        scenario.AllSnapshotsEnded();
        scenario.Settle();
        Assert.Equal((1, 14_000), Counted(scenario));
        Assert.Equal("remarks", Assert.Single(scenario.Runtime.Waiting()).Table);
        scenario
            .When(Insert(One))
            .Then(Dropping, 1, Saw("order Inserted: - -> open (0 lines)"), Saw("remark Inserted: - -> when? (0 lines)"));
    }

    [Fact]
    public void The_policy_is_the_same_wherever_it_is_declared()
    {
        var before = Aggregate
            .Named("order")
            .Root<OrderRow>()
            .Publishes<Seen>()
            .State(new Told(), (state, _, _) => state)
            .Child<LineRow>(Orphans.Drop)
            .OnChange<LineRow>((_, _, _) => []);
        Assert.Equal(Orphans.Drop, before.OrphansOf("lines"));
        Assert.Equal(Orphans.Wait, before.Child<LineRow>().OrphansOf("lines"));
        Assert.Throws<InvalidOperationException>(() => before.Child<OrderRow>(Orphans.Drop));
    }

    private static List<(string Aggregate, string Entity, string Table, int Rows, bool Orphan, string Reason)> Waiting(Scenario scenario) =>
        [.. scenario.Runtime.Waiting().Select(rows => (rows.Aggregate, rows.Entity, rows.Table, rows.Rows, rows.Orphan, rows.Reason))];

    private static (long Waiting, long Dropped) Counted(Scenario scenario)
    {
        var partitions = scenario.Runtime.Status().Partitions;
        return (partitions.Sum(partition => partition.WaitingRows), partitions.Sum(partition => partition.DroppedRows));
    }
}
