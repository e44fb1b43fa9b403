using Millrace.Tests.Flow;
using static Millrace.Tests.Flow.CaseEvent;

namespace Millrace.Tests.Reactions;

/// <summary>A reaction with keys of its own reads many partitions; what it does follows from the logs, not from how they were read.</summary>
public class InterleavingTests
{
    private static readonly Reaction Rush = Reaction
        .Named("rush")
        .Of(Cases.Aggregate)
        .KeyedBy((Opened e) => e.Group)
        .Settings<Limits>()
        .Sliding(TimeSpan.FromMicroseconds(20))
        .MoreThan(limits => limits.Most, (count, c) => new Alert($"{count} in {c.Key} by {c.EntityId}"));

    private static readonly Reaction Last = Reaction
        .Named("last")
        .Of(Cases.Aggregate)
        .KeyedBy((Opened e) => e.Group)
        .State(new Tally())
        .React(
            (tally, e, c) =>
                e.Level == 0
                    ? Then.Keep(new Tally(tally.Events + 1))
                        .At(c.Time.AddMicroseconds(7), "quiet", new Alert($"{tally.Events} {e.Subject}"))
                    : Then.Keep(new Tally(tally.Events + 1)).Cancel("quiet").Do(new Alert($"{tally.Events} {e.Subject} now"))
        );

    private static readonly Topology Topology = Cases.Topology.Add(Rush).Add(Last);

    private sealed record Line(int Partition, string? Entity, CaseEvent? Event, long Time, bool Snapshot = false, int Control = 0);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Interleavings_of_four_logs_and_crashes_give_the_same_intents(int seed)
    {
        var logs = Logs(seed);
        var expected = await Run(logs, seed: null);
        Assert.NotEmpty(expected);
        for (var run = 0; run < 6; run++)
        {
            Assert.Equal(expected, await Run(logs, seed * 100 + run));
        }
    }

    [Fact]
    public async Task An_event_is_held_until_every_log_has_come_past_it()
    {
        await using var rig = new Rig(Topology, partitions: 4);
        rig.Settings(new Limits(0));
        rig.Event("1", new Opened("s", "g", 0), 100, partition: 2);
        rig.Settle();
        Assert.Empty(rig.Intents(Rush));
        Assert.Equal(100, rig.Services.Timers.Due("rush"));
        rig.Tick(100, partition: 0);
        rig.Tick(100, partition: 1);
        rig.Tick(100, partition: 2);
        rig.Settle();
        Assert.Empty(rig.Intents(Rush));
        rig.Tick(100, partition: 3);
        rig.Settle();
        Assert.Single(rig.Intents(Rush));
        Assert.Equal(TimerRegistry.Never, rig.Services.Timers.Due("rush"));
    }

    [Fact]
    public async Task The_order_among_logs_is_that_of_time()
    {
        await using var rig = new Rig(Topology, partitions: 4);
        rig.Settings(new Limits(1));
        rig.Event("late", new Opened("s", "g", 0), 105, partition: 0);
        rig.Settle();
        rig.Event("early", new Opened("s", "g", 0), 100, partition: 3);
        rig.Tick(200);
        rig.Settle();
        Assert.Equal(["rush/g/late-1/0"], rig.Intents(Rush).Select(intent => intent.Id));
    }

    private static List<Line>[] Logs(int seed)
    {
        var random = new Random(seed);
        var logs = Enumerable.Range(0, 4).Select(_ => new List<Line>()).ToArray();
        for (var partition = 0; partition < 4; partition++)
        {
            var log = logs[partition];
            log.Add(new Line(partition, null, null, 0, Control: 1));
            log.Add(new Line(partition, null, null, 0, Control: 2));
            var time = 100L;
            for (var i = 0; i < 60; i++)
            {
                if (i == 15)
                {
                    log.Add(new Line(partition, null, null, 200 + random.Next(10), Control: 3));
                }
                if (random.Next(12) == 0)
                {
                    log.Add(new Line(partition, null, null, time, Control: 4));
                }
                if (random.Next(20) == 0)
                {
                    log.Add(new Line(partition, null, null, time, Control: 5));
                }
                time += random.Next(6);
                // Some come late, and before the 15th they come from a snapshot in any order.
                var late =
                    i < 15 ? random.Next(100)
                    : random.Next(8) == 0 ? random.Next(30)
                    : 0;
                var opened = new Opened($"s{i}", $"g{random.Next(3)}", random.Next(3));
                log.Add(new Line(partition, $"e{partition}-{random.Next(9)}", opened, time - late, Snapshot: i < 15));
            }
        }
        return logs;
    }

    /// <param name="logs">The logs.</param>
    /// <param name="seed">How they are read; null for all at once.</param>
    private static async Task<List<SeenIntent>> Run(List<Line>[] logs, int? seed)
    {
        var random = new Random(seed ?? 0);
        await using var rig = new Rig(Topology, partitions: 4, maxBatch: seed is null ? 4096 : random.Next(1, 12));
        if (seed is not null)
        {
            rig.Crashes = () => random.Next(15) == 0;
        }
        var next = new int[4];
        while (Enumerable.Range(0, 4).Any(p => next[p] < logs[p].Count))
        {
            var partition = random.Next(4);
            for (var take = random.Next(1, 9); take > 0 && next[partition] < logs[partition].Count; take--)
            {
                Append(rig, logs[partition][next[partition]++]);
            }
            if (seed is not null)
            {
                rig.StepOne(random.Next(8));
                if (random.Next(40) == 0)
                {
                    rig.MaxBatch = random.Next(1, 12);
                    rig.Restart();
                }
            }
        }
        rig.Tick(100_000);
        rig.Settle();
        return [.. rig.Intents(Rush), .. rig.Intents(Last)];
    }

    private static void Append(Rig rig, Line line)
    {
        switch (line.Control)
        {
            case 1:
                rig.Settings(new Limits(2), line.Partition);
                break;
            case 2:
                rig.Control(Controls.SnapshotsBegan, 0, partition: line.Partition);
                break;
            case 3:
                rig.Control(Controls.SnapshotsEnded, line.Time, partition: line.Partition);
                break;
            case 4:
                rig.Tick(line.Time, line.Partition);
                break;
            case 5:
                rig.Settings(new Limits((int)(line.Time % 4)), line.Partition);
                break;
            default:
                rig.Event(line.Entity!, line.Event!, line.Time, line.Snapshot, line.Partition);
                break;
        }
    }
}
