using CsCheck;
using Millrace.Tests.Flow;
using static Millrace.Tests.Flow.CaseEvent;

namespace Millrace.Tests.Reactions;

public class TimerTests
{
    private static readonly Reaction Timers = Reaction
        .Named("timers")
        .Of(Cases.Aggregate)
        .PerEntity()
        .Settings<Limits>()
        .State(new Tally())
        .React(On);

    private static Then<Tally> On(Tally tally, CaseEvent e, ReactionContext<Limits> c)
    {
        var next = Then.Keep(new Tally(tally.Events + 1));
        switch (e)
        {
            case Armed armed:
                return next.At(c.Time.AddMicroseconds(armed.After), armed.Timer, new Alert($"{c.Key} {armed.Timer} {tally.Events}"));
            case Cancelled cancelled:
                return next.Cancel(cancelled.Timer);
            case Told told:
                for (var i = 0; i < told.Times; i++)
                {
                    next = next.Do(new Alert($"{told.Text} {i}"));
                }
                return next;
            case Closed:
                return Then.Forget;
            case Poison when c.Settings.Version == 1:
                throw new InvalidOperationException("cannot");
            default:
                return next;
        }
    }

    private static Rig Start()
    {
        var rig = new Rig(Cases.Topology.Add(Timers));
        rig.Settings(new Limits(0));
        return rig;
    }

    [Fact]
    public async Task A_timer_fires_when_a_tick_reaches_it()
    {
        await using var rig = Start();
        rig.Event("1", new Armed("answer", 30), 100);
        rig.Tick(129);
        rig.Settle();
        Assert.Empty(rig.Intents(Timers));
        Assert.Equal(130, rig.Services.Timers.Due("timers", 0));
        rig.Tick(130);
        rig.Settle();
        var fired = Assert.Single(rig.Intents(Timers));
        Assert.Equal(new SeenIntent("1", 130, "timers/1/1-1/0@answer", "alert", "{\"text\":\"1 answer 0\"}", "tx-1-1", "1-1/0"), fired);
        Assert.Equal(TimerRegistry.Never, rig.Services.Timers.Due("timers", 0));
    }

    [Fact]
    public async Task A_record_of_the_due_time_itself_is_handled_before_the_timer()
    {
        await using var rig = Start();
        rig.Event("1", new Armed("answer", 30), 100);
        rig.Event("2", new Told("other"), 130);
        rig.Settle();
        rig.Event("1", new Cancelled("answer"), 130);
        rig.Tick(200);
        rig.Settle();
        Assert.Equal(["other 0"], Texts(rig));
    }

    [Fact]
    public async Task After_a_tick_of_the_due_time_it_is_too_late_to_cancel()
    {
        await using var rig = Start();
        rig.Event("1", new Armed("answer", 30), 100);
        rig.Tick(130);
        rig.Event("1", new Cancelled("answer"), 130);
        rig.Settle();
        Assert.Equal(["1 answer 0"], Texts(rig));
    }

    [Fact]
    public async Task A_timer_whose_time_has_passed_fires_at_once()
    {
        await using var rig = Start();
        rig.Event("1", new Armed("answer", -30), 100);
        rig.Settle();
        Assert.Equal(70, Assert.Single(rig.Intents(Timers)).Time);
    }

    [Fact]
    public async Task Timers_fire_by_due_time_then_key_then_name()
    {
        await using var rig = Start();
        rig.Event("b", new Armed("x", 30), 100);
        rig.Event("b", new Armed("a", 30), 100);
        rig.Event("a", new Armed("z", 30), 100);
        rig.Event("c", new Armed("z", 10), 100);
        rig.Tick(500);
        rig.Settle();
        Assert.Equal(["c z 0", "a z 0", "b a 1", "b x 0"], Texts(rig));
    }

    [Fact]
    public async Task Forgetting_drops_state_and_timers()
    {
        await using var rig = Start();
        rig.Event("1", new Armed("x", 30), 100);
        rig.Event("1", new Armed("y", 40), 100);
        rig.Event("1", new Closed(), 110);
        rig.Event("1", new Armed("z", 50), 120);
        rig.Tick(500);
        rig.Settle();
        Assert.Equal(["1 z 0"], Texts(rig));
        Assert.Equal(0, rig.Services.Counters.Reaction(Timers, 1).Armed.Sum);
        Assert.Equal(1, rig.Services.Counters.Reaction(Timers, 1).Fired.Sum);
    }

    [Fact]
    public async Task Several_intents_of_one_event_have_ids_of_their_own()
    {
        await using var rig = Start();
        rig.Event("1", new Told("hello", 3), 100);
        rig.Settle();
        Assert.Equal(["timers/1/1-1/0", "timers/1/1-1/0#1", "timers/1/1-1/0#2"], rig.Intents(Timers).Select(intent => intent.Id));
    }

    [Fact]
    public async Task Events_wait_for_settings_that_come_late()
    {
        await using var rig = new Rig(Cases.Topology.Add(Timers));
        rig.Event("1", new Told("a"), 100);
        rig.Event("2", new Told("b"), 90);
        rig.Settle();
        Assert.Empty(rig.Intents(Timers));
        rig.Settings(new Limits(0));
        rig.Settle();
        Assert.Equal(["a 0", "b 0"], Texts(rig));
    }

    [Fact]
    public void Timers_fire_as_an_oracle_says_whatever_the_batches()
    {
        var step = Gen.Select(
            Gen.Int[0, 2],
            Gen.Int[0, 4],
            Gen.Int[0, 1],
            Gen.Int[-6, 12],
            Gen.Int[0, 4],
            (key, kind, timer, after, pause) => new Step($"k{key}", kind, $"t{timer}", after, pause)
        );
        Gen.Select(step.Array[0, 40], Gen.Int[1, 9]).Sample((steps, maxBatch) => FiresAsTheOracleSays(steps, maxBatch), iter: 150);
    }

    private sealed record Step(string Key, int Kind, string Timer, int After, int Pause);

    private static void FiresAsTheOracleSays(Step[] steps, int maxBatch)
    {
        const int End = 10_000;
        var rig = new Rig(Cases.Topology.Add(Timers), maxBatch: maxBatch);
        rig.Settings(new Limits(0));
        var now = 100;
        var records = new List<(Step Step, int Time, bool Tick)>();
        foreach (var step in steps)
        {
            now += step.Pause;
            var isTick = step.Kind == 4;
            records.Add((step, now, isTick));
            if (isTick)
            {
                rig.Tick(now);
            }
            else
            {
                CaseEvent e = step.Kind switch
                {
                    0 or 1 => new Armed(step.Timer, step.After),
                    2 => new Cancelled(step.Timer),
                    _ => new Closed(),
                };
                rig.Event(step.Key, e, now);
            }
        }
        rig.Tick(End);
        rig.Settle();

        // An armed timer fires unless a later record of its key touches it first: not after its due time, and before any tick that reaches it.
        var expected = new List<(int Due, string Text)>();
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < records.Count; i++)
        {
            var (armed, time, isTick) = records[i];
            if (isTick)
            {
                continue;
            }
            var count = counts.GetValueOrDefault(armed.Key);
            counts[armed.Key] = armed.Kind == 3 ? 0 : count + 1;
            if (armed.Kind > 1)
            {
                continue;
            }
            var due = time + armed.After;
            var touched = false;
            for (var k = i + 1; k < records.Count; k++)
            {
                var (step, at, tick) = records[k];
                // Time is past it already, or passes it here.
                if (at > due || time > due || (tick && at >= due) || TickedBefore(records, i, due))
                {
                    break;
                }
                if (!tick && step.Key == armed.Key && (step.Kind == 3 || step.Timer == armed.Timer))
                {
                    touched = true;
                    break;
                }
            }
            if (!touched)
            {
                expected.Add((due, $"{armed.Key} {armed.Timer} {count}"));
            }
        }
        var fired = rig.Intents(Timers).Select(intent => ((int)intent.Time, Text(intent.Json))).ToList();
        Assert.Equal(expected.OrderBy(e => e.Due).ThenBy(e => e.Text), fired.OrderBy(e => e.Item1).ThenBy(e => e.Item2));
        rig.DisposeAsync().AsTask().Wait();
    }

    // A tick of this very time came before the timer was armed, so nothing of that time can touch it any more.
    private static bool TickedBefore(List<(Step Step, int Time, bool Tick)> records, int armedAt, int due) =>
        records.Take(armedAt).Any(record => record.Tick && record.Time >= due);

    // ---- snapshot-is-not-news

    [Fact]
    public async Task Snapshot_is_not_news()
    {
        await using var rig = Start();
        rig.Control(Controls.SnapshotsBegan, 0);
        rig.Event("1", new Told("old"), 100, snapshot: true);
        rig.Event("1", new Armed("answer", 30), 100, snapshot: true);
        rig.Event("2", new Armed("answer", 30), 110, snapshot: true);
        rig.Event("3", new Armed("answer", 5_000), 110, snapshot: true);
        rig.Event("2", new Cancelled("answer"), 900);
        rig.Event("4", new Told("news"), 900);
        rig.Tick(1_000);
        rig.Settle();
        Assert.Equal(["news 0"], Texts(rig));
        Assert.Equal(TimerRegistry.Never, rig.Services.Timers.Due("timers", 0));

        rig.Control(Controls.SnapshotsEnded, 1_000);
        rig.Settle();
        Assert.Equal(["news 0", "1 answer 1"], Texts(rig));
        Assert.Equal(5_110, rig.Services.Timers.Due("timers", 0));

        // A second snapshot's rows make no news either.
        rig.Event("5", new Told("old"), 1_100, snapshot: true);
        rig.Settle();
        Assert.Equal(2, rig.Intents(Timers).Count);
        Assert.Equal(2, rig.Services.Counters.Reaction(Timers, 1).Suppressed.Sum);
    }

    // ---- parking

    [Fact]
    public async Task A_key_whose_code_throws_is_parked_alone_and_retried_with_what_waits_behind()
    {
        await using var rig = Start();
        rig.Event("1", new Armed("answer", 30), 100);
        rig.Event("1", new Poison("g"), 110);
        rig.Event("1", new Cancelled("answer"), 120);
        rig.Event("1", new Told("later"), 125);
        rig.Event("2", new Told("fine"), 200);
        rig.Tick(1_000);
        rig.Settle();
        // Its timer does not fire: what cancels it may be waiting, as it is here.
        Assert.Equal(["fine 0"], Texts(rig));
        var parked = Assert.Single(rig.Operations.Parked());
        Assert.Equal(("timers", "1", "1-2/0", 2), (parked.Aggregate, parked.Entity, parked.CommandId, parked.Waiting));

        await rig.Operator.RetryAsync("timers", "1", "1-2/0", "a test", null);
        rig.Tick(1_001);
        rig.Settle();
        Assert.Equal(2, Assert.Single(rig.Operations.Parked()).Waiting);

        rig.Settings(new Limits(0, Version: 2));
        rig.Settle();
        await rig.Operator.RetryAsync("timers", "1", "1-2/0", "a test", null);
        rig.Tick(1_002);
        rig.Settle();
        Assert.Empty(rig.Operations.Parked());
        Assert.Equal(["fine 0", "later 0"], Texts(rig));
    }

    [Fact]
    public async Task An_intent_that_the_topology_does_not_name_parks_with_what_mends_it()
    {
        var pings = Reaction
            .Named("pings")
            .Of(Cases.Aggregate)
            .PerEntity()
            .State(new Tally())
            .React((tally, _, _) => Then.Keep(tally).Do(new Ping("x")));
        await using var rig = new Rig(Cases.Topology.Add(pings));
        rig.Event("1", new Moved(1), 100);
        rig.Settle();
        Assert.Contains(".Intent<Ping>(", Assert.Single(rig.Operations.Parked()).Reason, StringComparison.Ordinal);
    }

    private static List<string> Texts(Rig rig) => [.. rig.Intents(Timers).Select(intent => Text(intent.Json))];

    private static string Text(string json) => System.Text.Json.JsonDocument.Parse(json).RootElement.GetProperty("text").GetString()!;
}
