using CsCheck;
using Millrace.Engines;
using Millrace.Tests.Flow;
using static Millrace.Tests.Flow.CaseEvent;

namespace Millrace.Tests.Reactions;

/// <summary>Counting windows against oracles that count lists.</summary>
public class WindowTests
{
    private const long Span = 10;

    private static Reaction Counting(
        Func<SettledReaction<CaseEvent, Opened, Limits>, CountingReaction<CaseEvent, Opened, Limits>> window
    ) =>
        window(Reaction.Named("rush").Of(Cases.Aggregate).KeyedBy((Opened e) => e.Group).Settings<Limits>())
            .MoreThan(limits => limits.Most, (count, c) => new Alert($"{count} in {c.Key}"));

    private static readonly Reaction Sliding = Counting(r => r.Sliding(TimeSpan.FromMicroseconds(Span)));
    private static readonly Reaction Tumbling = Counting(r => r.Tumbling(TimeSpan.FromMicroseconds(Span)));
    private static readonly Reaction Session = Counting(r => r.Session(TimeSpan.FromMicroseconds(Span)));

    private static readonly Gen<int[]> Times = Gen.Int[-30, 60].Array[0, 40].Select(times => times.Order().ToArray());
    private static readonly Gen<int> Thresholds = Gen.Int[0, 4];

    [Fact]
    public void A_sliding_window_fires_when_the_count_crosses_and_re_arms_at_or_below() =>
        Gen.Select(Times, Thresholds)
            .Sample((times, most) => Holds(Sliding, times, most, i => times.Take(i).Count(t => t > times[i] - Span)), iter: 60);

    [Fact]
    public void A_tumbling_window_counts_from_its_own_start() =>
        Gen.Select(Times, Thresholds)
            .Sample((times, most) => Holds(Tumbling, times, most, i => times.Take(i).Count(t => Floor(t) == Floor(times[i]))), iter: 60);

    [Fact]
    public void A_session_ends_with_a_gap_longer_than_its_own() =>
        Gen.Select(Times, Thresholds).Sample((times, most) => Holds(Session, times, most, i => InSession(times, i)), iter: 60);

    [Fact]
    public async Task A_late_event_counts_in_the_window_as_it_stands()
    {
        await using var rig = new Rig(Cases.Topology.Add(Sliding));
        rig.Settings(new Limits(2));
        rig.Event("1", new Opened("", "g", 0), 100);
        rig.Event("2", new Opened("", "g", 0), 103);
        rig.Tick(103);
        rig.Event("3", new Opened("", "g", 0), 90); // out of (93, 103]
        rig.Event("4", new Opened("", "g", 0), 95);
        rig.Tick(104);
        rig.Settle();
        Assert.Equal(["rush/g/4-1/0"], rig.Intents(Sliding).Select(intent => intent.Id));
    }

    [Fact]
    public async Task A_lower_threshold_from_the_settings_fires_at_the_next_event()
    {
        await using var rig = new Rig(Cases.Topology.Add(Sliding));
        rig.Settings(new Limits(5));
        rig.Event("1", new Opened("", "g", 0), 100);
        rig.Event("2", new Opened("", "g", 0), 101);
        rig.Event("3", new Opened("", "g", 0), 102);
        rig.Settings(new Limits(1));
        rig.Event("4", new Opened("", "g", 0), 103);
        rig.Event("5", new Opened("", "g", 0), 104);
        rig.Tick(104);
        rig.Settle();
        Assert.Equal(["{\"text\":\"4 in g\"}"], rig.Intents(Sliding).Select(intent => intent.Json));
    }

    [Fact]
    public void After_snapshots_one_above_its_threshold_fires_once_and_one_that_closed_before_raises_nothing() =>
        Gen.Select(Gen.Int[0, 60].Array[0, 30], Gen.Int[60, 80], Thresholds, Gen.Int[0, 2])
            .Sample(
                (times, end, most, kind) =>
                {
                    var reaction = (Reaction[])[Sliding, Tumbling, Session];
                    var open = kind switch
                    {
                        0 => times.Count(t => t > end - Span),
                        1 => times.Count(t => Floor(t) == Floor(end)),
                        _ => OpenSession(times, end),
                    };
                    using var rig = new Disposable(new Rig(Cases.Topology.Add(reaction[kind]), partitions: 2));
                    rig.Rig.Settings(new Limits(most));
                    rig.Rig.Control(Controls.SnapshotsBegan, 0);
                    for (var i = 0; i < times.Length; i++)
                    {
                        rig.Rig.Event($"{i}", new Opened("", "g", 0), times[i], snapshot: true);
                    }
                    rig.Rig.Settle();
                    Assert.Empty(rig.Rig.Intents(reaction[kind]));
                    rig.Rig.Control(Controls.SnapshotsEnded, end);
                    rig.Rig.Tick(end + 100);
                    rig.Rig.Settle();
                    var fired = rig.Rig.Intents(reaction[kind]);
                    Assert.Equal(open > most ? [$"{{\"text\":\"{open} in g\"}}"] : [], fired.Select(intent => intent.Json));
                    Assert.All(fired, intent => Assert.Equal(end, intent.Time));
                },
                iter: 80
            );

    [Fact]
    public async Task A_crossing_by_a_second_snapshots_rows_waits_for_news()
    {
        await using var rig = new Rig(Cases.Topology.Add(Sliding));
        rig.Settings(new Limits(1));
        rig.Event("1", new Opened("", "g", 0), 100);
        rig.Event("2", new Opened("", "g", 0), 101, snapshot: true);
        rig.Tick(101);
        rig.Settle();
        Assert.Empty(rig.Intents(Sliding));
        rig.Event("3", new Opened("", "g", 0), 102);
        rig.Tick(102);
        rig.Settle();
        Assert.Equal(["rush/g/3-1/0"], rig.Intents(Sliding).Select(intent => intent.Id));
    }

    private static void Holds(Reaction reaction, int[] times, int most, Func<int, int> before)
    {
        var expected = new List<string>();
        var armed = true;
        for (var i = 0; i < times.Length; i++)
        {
            var count = before(i);
            armed |= count <= most;
            if (armed && count + 1 > most)
            {
                armed = false;
                expected.Add($"{times[i]}: {{\"text\":\"{count + 1} in g\"}}");
            }
        }
        using var rig = new Disposable(new Rig(Cases.Topology.Add(reaction)));
        rig.Rig.Settings(new Limits(most));
        for (var i = 0; i < times.Length; i++)
        {
            rig.Rig.Event("1", new Opened("", "g", 0), times[i]);
        }
        rig.Rig.Tick(1000);
        rig.Rig.Settle();
        Assert.Equal(expected, rig.Rig.Intents(reaction).Select(intent => $"{intent.Time}: {intent.Json}"));
    }

    private static int Floor(int time) => (int)Math.Floor(time / (double)Span);

    private static int InSession(int[] times, int i)
    {
        var count = 0;
        for (var last = times[i]; count < i && last - times[i - 1 - count] <= Span; count++)
        {
            last = times[i - 1 - count];
        }
        return count;
    }

    private static int OpenSession(int[] times, int end)
    {
        var count = 0;
        var last = end;
        foreach (var time in times.OrderDescending())
        {
            if (last - time > Span)
            {
                break;
            }
            count++;
            last = time;
        }
        return count;
    }

    private sealed class Disposable(Rig rig) : IDisposable
    {
        public Rig Rig => rig;

        public void Dispose() => rig.DisposeAsync().AsTask().Wait();
    }
}
