namespace Millrace.Engines.Contract;

/// <summary>For engines that outlive their process.</summary>
public abstract class RestartContract : EngineContract
{
    [Fact]
    public Task Logs_state_and_positions_are_there_after_a_restart() =>
        With(
            [In, Out],
            async world =>
            {
                var appended = 0;
                for (var round = 0; round < 4; round++)
                {
                    await world.While(
                        [Handler.Group("copy", [In], Copy, maxBatch: 3)],
                        async () =>
                        {
                            for (var i = 0; i < 25; i++, appended++)
                            {
                                await world.Append(P(In, appended % 3), $"{appended}");
                            }
                            await world.Until(() => Copied(world) >= appended - 10, "most copied");
                        }
                    );
                    await world.Restart();
                    await world.Engine.CreateTopicsAsync([In, Out], CancellationToken.None);
                    Assert.Equal(appended, Enumerable.Range(0, 3).Sum(p => world.ReadAll(P(In, p)).Count));
                    for (var p = 0; p < 3; p++)
                    {
                        var copied = world.ReadAll(P(Out, p)).Select(s => s.Value).ToList();
                        Assert.Equal(world.ReadAll(P(In, p)).Select(s => s.Value).Take(copied.Count), copied);
                        Assert.Equal(copied.Count, int.Parse(Get(world.Engine.OpenState("copy", p), "count") ?? "0"));
                        Assert.Equal(copied.Count, world.Handled("copy", P(In, p)));
                    }
                }
                await world.While([Handler.Group("copy", [In], Copy)], () => world.Until(() => Copied(world) == appended, "all copied"));
            }
        );

    [Fact]
    public Task Partitions_that_were_added_are_there_after_a_restart_with_what_they_have() =>
        With(
            [In],
            async world =>
            {
                var more = In with { Partitions = 4 };
                await world.Append(P(In, 2), "before");
                await world.Engine.AddPartitionsAsync([more], CancellationToken.None);
                await world.Append(P(more, 2), "after");
                await world.Append(P(more, 3), "first");
                await world.Restart();
                await world.Engine.CreateTopicsAsync([more], CancellationToken.None);
                await world.Append(P(more, 3), "second");
                Assert.Equal(["before", "after"], world.ReadAll(P(more, 2)).Select(s => s.Value));
                Assert.Equal(["first", "second"], world.ReadAll(P(more, 3)).Select(s => s.Value));
            }
        );

    [Fact]
    public Task State_ranges_and_deletions_are_the_same_after_a_restart() =>
        Run(async world =>
        {
            var random = new Random(5);
            var expected = new SortedDictionary<string, string>(StringComparer.Ordinal);
            for (var round = 0; round < 6; round++)
            {
                await using (var appender = world.Engine.OpenAppender("a"))
                {
                    for (var commit = 0; commit < 10; commit++)
                    {
                        var transaction = appender.Begin();
                        for (var i = 0; i < 30; i++)
                        {
                            var key = $"{random.Next(200):000}";
                            if (random.Next(3) == 0)
                            {
                                transaction.Delete(Text.Of(key));
                                expected.Remove(key);
                            }
                            else
                            {
                                var value = new string((char)('a' + round), random.Next(60));
                                transaction.Put(Text.Of(key), Text.Of(value));
                                expected[key] = value;
                            }
                        }
                        await appender.CommitAsync(transaction, durable: false, CancellationToken.None);
                    }
                }
                await world.Restart();
                foreach (var descending in new[] { false, true })
                {
                    var found = new List<KeyValuePair<string, string>>();
                    using var cursor = world.Engine.OpenState("a", 0).Range(default, default, descending);
                    while (cursor.MoveNext())
                    {
                        found.Add(new(Text.From(cursor.Key), Text.From(cursor.Value)));
                    }
                    Assert.Equal(descending ? expected.Reverse() : expected, found);
                }
            }
        });

    [Fact]
    public Task A_topic_keeps_its_partitions_over_a_restart() =>
        With(
            [In],
            async world =>
            {
                await world.Restart();
                var refused = await Assert.ThrowsAsync<EngineException>(async () =>
                    await world.Engine.CreateTopicsAsync([new Topic("in", 5)], CancellationToken.None)
                );
                Assert.Contains("3 partitions", refused.Message);
            }
        );

    private static int Copied(World world) => Enumerable.Range(0, 3).Sum(p => world.ReadAll(P(Out, p)).Count);
}
