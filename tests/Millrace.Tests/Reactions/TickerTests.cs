using Millrace.Engines;
using Millrace.Tests.Flow;
using static Millrace.Tests.Flow.CaseEvent;

namespace Millrace.Tests.Reactions;

public class TickerTests
{
    private static readonly Reaction Timers = Reaction
        .Named("timers")
        .Of(Cases.Aggregate)
        .PerEntity()
        .State(new Tally())
        .React(
            (tally, e, c) =>
                e is Armed armed ? Then.Keep(tally).At(c.Time.AddMicroseconds(armed.After), armed.Timer, new Alert("x")) : tally
        );

    private static readonly Reaction Rush = Reaction
        .Named("rush")
        .Of(Cases.Aggregate)
        .KeyedBy((Opened e) => e.Group)
        .State(new Tally())
        .React((tally, _, _) => tally);

    [Fact]
    public async Task A_quiet_partition_with_a_due_timer_gets_one_tick_with_the_watermark()
    {
        await using var rig = new Rig(Cases.Topology.Add(Timers), partitions: 4);
        var watermark = 100L;
        await using var ticker = new Ticker(rig.Application, rig.Services, () => watermark);
        rig.Event("1", new Armed("t", 50), 100, partition: 2);
        rig.Settle();
        Assert.Equal(0, (await Tick(ticker)).Written);
        watermark = 149;
        Assert.Equal(new TickRound(0, TimeSpan.FromMilliseconds(5)), await Tick(ticker));
        watermark = 170;
        Assert.Equal(1, (await Tick(ticker)).Written);
        Assert.Equal(0, (await Tick(ticker)).Written);
        Assert.Equal([(2, 170)], Ticks(rig));
    }

    [Fact]
    public async Task A_reaction_that_reads_every_partition_gets_a_tick_in_each()
    {
        await using var rig = new Rig(Cases.Topology.Add(Rush), partitions: 4);
        await using var ticker = new Ticker(rig.Application, rig.Services, () => 100);
        rig.Event("1", new Opened("s", "g", 0), 100, partition: 2);
        rig.Settle();
        Assert.Equal(4, (await Tick(ticker)).Written);
        Assert.Equal([(0, 100), (1, 100), (2, 100), (3, 100)], Ticks(rig));
    }

    [Fact]
    public async Task Nothing_is_written_while_the_watermark_is_not_known_or_nothing_is_due()
    {
        await using var rig = new Rig(Cases.Topology.Add(Timers), partitions: 4);
        var watermark = long.MaxValue / 4;
        await using var ticker = new Ticker(rig.Application, rig.Services, () => watermark);
        Assert.Equal(new TickRound(0, null), await Tick(ticker));
        rig.Event("1", new Armed("t", 50), 100);
        rig.Settle();
        watermark = long.MinValue;
        Assert.Equal(new TickRound(0, TimeSpan.FromSeconds(1)), await Tick(ticker));
    }

    private static ValueTask<TickRound> Tick(Ticker ticker) => ticker.TickAsync(TestContext.Current.CancellationToken);

    private static List<(int Partition, long Time)> Ticks(Rig rig)
    {
        var ticks = new List<(int, long)>();
        for (var partition = 0; partition < rig.Application.Partitions; partition++)
        {
            using var reader = rig.Engine.Read(new TopicPartition(rig.Application.Commands(Cases.Aggregate), partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    var headers = new RecordHeaders(record.Headers.Span);
                    Assert.Equal(RecordKind.Control, headers.Kind);
                    Assert.True(headers[Header.Type].SequenceEqual(Controls.Tick));
                    ticks.Add((partition, record.Time));
                }
            }
        }
        return ticks;
    }
}
