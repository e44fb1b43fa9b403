using Millrace.Engines.Contract;

namespace Millrace.Engines.Simulation;

public sealed class SimulatedCrashTests
{
    [Fact]
    public Task Whatever_happens_what_is_left_is_a_prefix_and_all_that_was_acknowledged() =>
        SimulatedWorld.Run(
            1000,
            async world =>
            {
                var random = world.Scheduler.Random;
                var work = new CrashWorkload(random.Next()) { FaultsPerMille = 20 };
                long acknowledged = 0;
                long[] seen = [-1, -1, -1];
                for (var life = 0; life < 4; life++)
                {
                    var engine = world.Simulated;
                    var killed = new TaskCompletionSource();
                    var when = world.Scheduler.Steps + random.Next(1, 400);
                    world.Scheduler.AfterStep = step =>
                    {
                        if (step == when)
                        {
                            engine.Kill();
                            killed.SetResult();
                        }
                    };
                    _ = Live(engine);
                    await killed.Task;
                    world.Recover();
                    await world.Engine.CreateTopicsAsync([CrashWorkload.Input, CrashWorkload.Output], CancellationToken.None);
                    CrashWorkload.Audit(world, acknowledged, seen);
                }
                await work.Feed(world.Engine, next => acknowledged = next, 5, CancellationToken.None);
                await world.While(Groups(), () => world.Until(() => CrashWorkload.IsSettled(world), "everything folded"));
                CrashWorkload.Audit(world, acknowledged, seen);

                async Task Live(SimulatedEngine engine)
                {
                    await engine.CreateTopicsAsync([CrashWorkload.Input, CrashWorkload.Output], CancellationToken.None);
                    foreach (var group in Groups())
                    {
                        _ = engine.RunAsync(group, CancellationToken.None);
                    }
                    await work.Feed(engine, next => acknowledged = next, int.MaxValue, CancellationToken.None);
                }

                ProcessorGroup[] Groups() =>
                    work.Groups((partition, offset) => seen[partition] = Math.Max(seen[partition], offset), _ => { });
            }
        );

    [Fact]
    public Task The_same_seed_gives_the_same_run() =>
        SimulatedWorld.Run(
            20,
            async outer =>
            {
                var seed = outer.Scheduler.Random.Next();
                Assert.Equal(await Trace(seed), await Trace(seed));

                static Task<string> Trace(int seed)
                {
                    var scheduler = new Scheduler(seed);
                    var disk = new SimulatedDisk();
                    var work = new CrashWorkload(seed) { FaultsPerMille = 20 };
                    var trace = new List<string>();
                    scheduler.Run(async () =>
                    {
                        var engine = SimulatedEngine.Start(scheduler, disk);
                        await engine.CreateTopicsAsync([CrashWorkload.Input, CrashWorkload.Output], CancellationToken.None);
                        using var stop = new CancellationTokenSource();
                        var running = work.Groups(
                                (partition, offset) => trace.Add($"{scheduler.Now} {partition} {offset}"),
                                e => trace.Add(e.Message)
                            )
                            .Select(g => engine.RunAsync(g, stop.Token))
                            .ToArray();
                        await work.Feed(engine, next => trace.Add($"{scheduler.Steps} {next}"), 40, CancellationToken.None);
                        stop.Cancel();
                        await Task.WhenAll(running);
                    });
                    return Task.FromResult(string.Join('\n', trace.Append($"{scheduler.Steps} {scheduler.Now} {disk.Written.Count}")));
                }
            }
        );

    [Fact]
    public Task An_owner_that_lost_its_partition_writes_nothing() =>
        SimulatedWorld.Run(
            300,
            async world =>
            {
                var input = new Topic("in", 1);
                var output = new Topic("out", 1);
                await world.Engine.CreateTopicsAsync([input, output], CancellationToken.None);
                int owners = 0,
                    newest = 0;
                var group = Handler.Group(
                    "g",
                    [input],
                    _ =>
                    {
                        var me = newest = ++owners;
                        return Handler.Yielding(
                            (batch, transaction) =>
                            {
                                foreach (var record in batch.Records.Span)
                                {
                                    transaction.Append(new(output, 0), me, default, default, record.Value.Span);
                                }
                            }
                        );
                    },
                    maxBatch: 2
                );
                await world.While(
                    [group],
                    async () =>
                    {
                        for (var i = 0; i < 15; i++)
                        {
                            await world.Append(new(input, 0), $"{i}");
                        }
                        await world.Until(() => world.Engine.Read(new(output, 0), 0).End == 15, "all copied");
                    }
                );
                var written = world.ReadAll(new(output, 0));
                Assert.Equal(Enumerable.Range(0, 15).Select(i => $"{i}"), written.Select(w => w.Value));
                // The owners of the records never go back to an earlier one.
                Assert.Equal(written.Select(w => w.Time).Order(), written.Select(w => w.Time));
            }
        );
}
