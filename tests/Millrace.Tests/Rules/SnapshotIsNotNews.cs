using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>
/// Events decided on snapshot rows say so and carry a business time where the row has one. Timers hold until every table's snapshot has ended, then
/// those still due fire once; a window that closed before it began raises nothing.
/// </summary>
public class SnapshotIsNotNews
{
    private static readonly DateTimeOffset Noon = new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static Scenario AtNoon => Scenario.Of(Watch.Orders, new Limits()).At(Noon);

    [Fact]
    public void Its_events_say_that_they_are_of_a_snapshot()
    {
        var scenario = AtNoon.Unseen(Old(1, minutes: 120)).Snapshot().Then(Order, 1, Saw("order Inserted: - -> open (0 lines, snapshot)"));
        Assert.Equal("1", Assert.Single(scenario.Since(scenario.Runtime.Application.Events(Order)))[Header.Snapshot]);
    }

    [Fact]
    public void Its_events_carry_the_rows_business_time()
    {
        var scenario = AtNoon.Unseen(Old(1, minutes: 120)).Snapshot();
        Assert.Equal(Instants.Of(Noon.AddMinutes(-120)), Assert.Single(scenario.Since(scenario.Runtime.Application.Events(Order))).Time);
    }

    [Fact]
    public void Timers_that_fell_due_before_it_hold_until_it_has_ended_and_fire_once()
    {
        var scenario = AtNoon.Unseen(Old(1, minutes: 120));
        var snapshot = Show(scenario, "orders");
        scenario.After(TimeSpan.FromMinutes(10)).ThenNoIntent();
        End(scenario, "orders", snapshot);
        scenario.Then(new Alert("Order 1 is late")).After(TimeSpan.FromDays(1)).ThenNoIntent();
    }

    [Fact]
    public void What_another_table_shows_in_time_keeps_a_timer_from_firing()
    {
        var scenario = AtNoon.Unseen(Old(1, minutes: 120), Insert(new LineRow(1, 1, "book")));
        var orders = Show(scenario, "orders");
        scenario.After(TimeSpan.FromMinutes(10)).ThenNoIntent();
        var lines = Show(scenario, "lines");
        scenario.SnapshotEnded("orders", orders);
        End(scenario, "lines", lines);
        scenario.ThenNoIntent().After(TimeSpan.FromDays(1)).ThenNoIntent();
    }

    [Fact]
    public void A_timer_not_due_yet_fires_at_its_time_after_it_has_ended() =>
        AtNoon
            .Unseen(Old(1, minutes: 10))
            .Snapshot()
            .ThenNoIntent()
            .After(TimeSpan.FromMinutes(19))
            .ThenNoIntent()
            .After(TimeSpan.FromMinutes(1))
            .Then(new Alert("Order 1 is late"));

    [Fact]
    public void A_window_that_closed_before_it_began_raises_nothing() =>
        AtNoon.Unseen(Old(1, 200), Old(2, 190), Old(3, 180), Old(4, 170)).Snapshot().Then(Late(1), Late(2), Late(3), Late(4));

    [Fact]
    public void A_window_that_is_open_still_raises_one_alert_at_its_end() =>
        AtNoon.Unseen(Old(1, 25), Old(2, 20), Old(3, 15), Old(4, 10)).Snapshot().Then(new Alert("4 orders within an hour"));

    [Fact]
    public void The_first_start_on_many_old_rows_sends_what_is_due_and_no_more()
    {
        var scenario = AtNoon.Unseen([
            .. Enumerable.Range(1, 1_000).Select(id => Insert(new OrderRow(id, "done", UpdatedAt: Noon.AddDays(-id)))),
        ]);
        // One of them is open still.
        scenario.Unseen(Old(5_000, 40)).Snapshot();
        Assert.Equal(1_001, scenario.Since(scenario.Runtime.Application.Events(Order)).Count);
        scenario.Then([Late(5_000)]);
    }

    [Fact]
    public void A_second_snapshot_publishes_net_changes_alone() =>
        AtNoon
            .Given(Old(1, 20), Old(2, 20))
            .Unseen(Update(new OrderRow(1, "done", UpdatedAt: Noon)))
            .Snapshot()
            .Then(Order, 1, Saw("order Updated: open -> done (0 lines, snapshot)"))
            .Then(Order, 2);

    private static RowOp Old(long id, int minutes) => Insert(new OrderRow(id, "open", UpdatedAt: Noon.AddMinutes(-minutes)));

    private static Alert Late(long id) => new($"Order {id} is late");

    private static int Show(Scenario scenario, string table)
    {
        var snapshot = scenario.SnapshotBegan(table);
        scenario.SnapshotShows(table, snapshot);
        scenario.Settle();
        scenario.ThenNoIntent();
        return snapshot;
    }

    private static void End(Scenario scenario, string table, int snapshot)
    {
        scenario.SnapshotEnded(table, snapshot);
        scenario.AllSnapshotsEnded();
        scenario.Settle();
    }
}
