using Millrace.Engines.Contract;
using Millrace.Tests.Replay;
using Millrace.TestServers;
using Xunit;

namespace Millrace.Kafka.Tests;

/// <summary>Two processes of one application, each with an engine and a folder of its own, while generations take over.</summary>
public sealed class GenerationTests
{
    internal const int Partitions = 4;

    [Fact]
    public async Task A_process_is_killed_at_each_step_of_promotion_and_rollback_and_readers_notice_nothing()
    {
        var broker = await KafkaBroker.SharedAsync();
        var prefix = KafkaBroker.NewPrefix("generations-killed");
        using var folders = new Folders();
        await using var engine = KafkaEngine.Open(Options(broker.Bootstrap, prefix, folders.First));
        await using var room = await new Newsroom(engine, version: 0, candidate: 1, partitions: Partitions).StartAsync();
        using var other = await NewsroomProcess.StartAsync(broker.Bootstrap, prefix);
        await room.TellAsync(400);
        var shadow = await room.ShadowAsync(version: 1);
        Func<Task>[] moves =
        [
            () => room.Generations.PromoteAsync(shadow, true, "new rule", null, Newsroom.Cancellation),
            () => room.Generations.RollBackAsync("second thoughts", null, Newsroom.Cancellation),
        ];
        for (var at = 0; at < 6; at++)
        {
            await room.SettledAsync();
            var traffic = room.TellAsync(300);
            switch (at / moves.Length)
            {
                case 0:
                    // Before the fence is there.
                    other.Kill();
                    await moves[at % moves.Length]();
                    break;
                case 1:
                    // The fence is there, and nobody need have seen it.
                    await moves[at % moves.Length]();
                    other.Kill();
                    break;
                default:
                    // Somebody has passed the fence, and not everybody.
                    var places = Partitions * 2;
                    await moves[at % moves.Length]();
                    await Newsroom.Until(() => room.Generations.Unsettled().Count() < places);
                    other.Kill();
                    break;
            }
            await traffic;
            await other.StartAgainAsync();
            await room.TellAsync(50);
        }
        await room.SettledAsync();
        Assert.Null(await room.WrongAsync());
    }

    [Fact]
    public async Task A_generation_takes_over_in_two_processes_and_is_gone_back_from_while_one_of_them_ends()
    {
        var broker = await KafkaBroker.SharedAsync();
        var prefix = KafkaBroker.NewPrefix("generations");
        using var folders = new Folders();
        await using var one = KafkaEngine.Open(Options(broker.Bootstrap, prefix, folders.First));
        var two = KafkaEngine.Open(Options(broker.Bootstrap, prefix, folders.Second));
        await using var first = await new Newsroom(one, version: 0, candidate: 1, partitions: Partitions).StartAsync();
        var second = await new Newsroom(two, version: 0, candidate: 1, partitions: Partitions).StartAsync();
        await first.TellAsync(600);
        var shadow = await first.ShadowAsync(version: 1);

        // The other process promotes.
        await Under(first, () => second.Generations.PromoteAsync(shadow, true, "new rule", "ann", Newsroom.Cancellation));
        await Newsroom.Until(() => first.Generations.Registry.Live == shadow);
        // It ends while both go back.
        await Under(
            first,
            async () =>
            {
                await second.Generations.RollBackAsync("second thoughts", "ann", Newsroom.Cancellation);
                await second.DisposeAsync();
                await two.DisposeAsync();
            }
        );
        Assert.Equal(1, first.Generations.Registry.Live);
        await Under(first, () => first.Generations.PromoteAsync(shadow, true, "third thoughts", "bob", Newsroom.Cancellation));

        Assert.Null(await first.WrongAsync());
    }

    private static async Task Under(Newsroom room, Func<Task> move)
    {
        await room.SettledAsync();
        var traffic = room.TellAsync(400);
        await move();
        await traffic;
        await room.SettledAsync();
    }

    internal static KafkaOptions Options(string bootstrap, string prefix, string folder) =>
        new()
        {
            BootstrapServers = bootstrap,
            Folder = folder,
            Prefix = prefix,
            SessionTimeout = TimeSpan.FromSeconds(6),
        };

    private sealed class Folders : IDisposable
    {
        private readonly TemporaryFolder _first = new();
        private readonly TemporaryFolder _second = new();

        public string First => _first.Path;
        public string Second => _second.Path;

        public void Dispose()
        {
            _first.Dispose();
            _second.Dispose();
        }
    }
}
