namespace Millrace.Engines.Contract;

public abstract class LogContract : EngineContract
{
    [Fact]
    public Task Records_come_back_whole_in_order_and_with_dense_offsets() =>
        With(
            [In],
            async world =>
            {
                await using var appender = world.Engine.OpenAppender("a");
                var expected = new List<Seen>();
                for (var commit = 0; commit < 20; commit++)
                {
                    var transaction = appender.Begin();
                    for (var i = 0; i <= commit % 4; i++)
                    {
                        var seen = new Seen(
                            expected.Count,
                            expected.Count * 1000L - 7,
                            $"k{i}",
                            Text.From(Text.Header(new string('h', i * 50))),
                            new string('v', commit * 40)
                        );
                        transaction.Append(
                            P(In, 1),
                            seen.Time,
                            Text.Of(seen.Key),
                            Text.Header(new string('h', i * 50)),
                            Text.Of(seen.Value)
                        );
                        expected.Add(seen);
                    }
                    await appender.CommitAsync(transaction, durable: commit % 5 == 0, CancellationToken.None);
                }
                Assert.Equal(expected, world.ReadAll(P(In, 1)));
                Assert.Empty(world.ReadAll(P(In, 0)));
                for (var from = 0; from <= expected.Count; from += 3)
                {
                    Assert.Equal(expected[from..], world.ReadAll(P(In, 1), from));
                }
            }
        );

    [Fact]
    public Task A_batch_has_no_more_records_than_asked_for() =>
        With(
            [In],
            async world =>
            {
                await world.Append(P(In, 0), Numbers(0, 10));
                using var reader = world.Engine.Read(P(In, 0), 0);
                var sizes = new List<int>();
                while (reader.TryRead(4, out var batch))
                {
                    sizes.Add(batch.Records.Length);
                }
                Assert.Equal(10, sizes.Sum());
                Assert.All(sizes, size => Assert.InRange(size, 1, 4));
            }
        );

    [Fact]
    public Task Nobody_sees_what_is_not_committed_and_dropping_it_leaves_no_trace() =>
        With(
            [In],
            async world =>
            {
                await using var appender = world.Engine.OpenAppender("a");
                var dropped = appender.Begin();
                dropped.Append(P(In, 0), 0, "k"u8, default, "dropped"u8);
                dropped.Put("state"u8, "dropped"u8);
                using var reader = world.Engine.Read(P(In, 0), 0);
                Assert.False(reader.TryRead(10, out _));
                Assert.Equal(0, reader.End);
                Assert.Null(Get(world.Engine.OpenState("a", 0), "state"));
                Assert.Null(Get(appender.Begin(), "state"));

                var kept = appender.Begin();
                kept.Append(P(In, 0), 0, "k"u8, default, "kept"u8);
                await appender.CommitAsync(kept, durable: true, CancellationToken.None);
                Assert.Equal("kept", Assert.Single(world.ReadAll(P(In, 0))).Value);
                Assert.Null(Get(world.Engine.OpenState("a", 0), "state"));
            }
        );

    [Fact]
    public Task One_commit_reaches_all_its_partitions_and_its_state() =>
        With(
            [In, Out],
            async world =>
            {
                await using var appender = world.Engine.OpenAppender("a");
                var transaction = appender.Begin();
                for (var i = 0; i < 9; i++)
                {
                    transaction.Append(P(i % 2 == 0 ? In : Out, i % 3), i, "k"u8, default, Text.Of(i.ToString()));
                }
                transaction.Put("position"u8, "9"u8);
                await appender.CommitAsync(transaction, durable: true, CancellationToken.None);
                var all = new[] { In, Out }.SelectMany(t =>
                    Enumerable.Range(0, 3).SelectMany(p => world.ReadAll(P(t, p), durableOnly: true))
                );
                Assert.Equal(Numbers(0, 9), all.OrderBy(s => s.Time).Select(s => s.Value));
                Assert.Equal("9", Get(world.Engine.OpenState("a", 0), "position"));
            }
        );

    [Fact]
    public Task Appenders_may_append_at_the_same_time_and_each_keeps_its_order() =>
        With(
            [In],
            async world =>
            {
                const int Each = 50;
                await Task.WhenAll(
                    Enumerable
                        .Range(0, 4)
                        .Select(async who =>
                        {
                            await using var appender = world.Engine.OpenAppender($"appender-{who % 2}");
                            for (var i = 0; i < Each; i++)
                            {
                                var transaction = appender.Begin();
                                await Task.Yield();
                                transaction.Append(P(In, 0), i, Text.Of($"{who}"), default, Text.Of($"{i}"));
                                transaction.Put(Text.Of($"{who}"), Text.Of($"{i}"));
                                await appender.CommitAsync(transaction, durable: i % 10 == 0, CancellationToken.None);
                            }
                        })
                );
                var all = world.ReadAll(P(In, 0));
                Assert.Equal(Enumerable.Range(0, 4 * Each).Select(i => (long)i), all.Select(s => s.Offset));
                for (var who = 0; who < 4; who++)
                {
                    Assert.Equal(Numbers(0, Each), all.Where(s => s.Key == $"{who}").Select(s => s.Value));
                    Assert.Equal($"{Each - 1}", Get(world.Engine.OpenState($"appender-{who % 2}", 0), $"{who}"));
                }
            }
        );

    [Fact]
    public Task A_reader_that_waits_is_woken_by_an_append() =>
        With(
            [In],
            async world =>
            {
                using var reader = world.Engine.Read(P(In, 2), 0);
                using var durable = world.Engine.Read(P(In, 2), 0, durableOnly: true);
                for (var i = 0; i < 5; i++)
                {
                    Assert.False(reader.TryRead(10, out _));
                    var waits = Task.WhenAll(
                        reader.WaitAsync(CancellationToken.None).AsTask(),
                        durable.WaitAsync(CancellationToken.None).AsTask()
                    );
                    await world.Append(P(In, 2), $"{i}");
                    await world.Until(() => waits.IsCompleted, "both readers woken");
                    await waits;
                    await world.Until(() => durable.End > i, "the record durable");
                    Assert.True(reader.TryRead(10, out var batch));
                    Assert.Equal($"{i}", Seen.From(batch.Records.Span[0]).Value);
                    Assert.True(durable.TryRead(10, out batch));
                    Assert.Equal(1, batch.Records.Length);
                }
            }
        );

    [Fact]
    public Task Waiting_can_be_given_up() =>
        With(
            [In],
            async world =>
            {
                using var reader = world.Engine.Read(P(In, 0), 0);
                using var stop = new CancellationTokenSource();
                var wait = reader.WaitAsync(stop.Token).AsTask();
                stop.Cancel();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
            }
        );

    [Fact]
    public Task What_a_durable_commit_wrote_is_there_for_durable_readers_when_it_returns() =>
        With(
            [In],
            async world =>
            {
                await using var appender = world.Engine.OpenAppender("a");
                for (var i = 0; i < 10; i++)
                {
                    var transaction = appender.Begin();
                    transaction.Append(P(In, 0), i, default, default, Text.Of($"{i}"));
                    await appender.CommitAsync(transaction, durable: true, CancellationToken.None);
                    Assert.Equal(Numbers(0, i + 1), world.ReadAll(P(In, 0), durableOnly: true).Select(s => s.Value));
                }
            }
        );

    [Fact]
    public Task A_record_of_20_MB_goes_through_log_and_state() =>
        With(
            [In, Out],
            async world =>
            {
                var big = new byte[20 << 20];
                new Random(7).NextBytes(big);
                await using var appender = world.Engine.OpenAppender("a");
                var transaction = appender.Begin();
                transaction.Append(P(In, 0), 1, "k"u8, default, "before"u8);
                transaction.Append(P(In, 0), 2, "k"u8, default, big);
                transaction.Append(P(In, 0), 3, "k"u8, default, "after"u8);
                transaction.Put("big"u8, big);
                await appender.CommitAsync(transaction, durable: true, CancellationToken.None);
                Assert.True(world.Engine.OpenState("a", 0).TryGet("big"u8, out var stored));
                Assert.True(stored.SequenceEqual(big));
                await world.While(
                    [Handler.Group("copy", [In], Copy)],
                    () => world.Until(() => world.Handled("copy", P(In, 0)) == 3, "all copied")
                );
                using var reader = world.Engine.Read(P(Out, 0), world.OffsetOf(P(Out, 0), 1));
                Assert.True(reader.TryRead(1, out var batch));
                Assert.True(batch.Records.Span[0].Value.Span.SequenceEqual(big));
                Assert.True(reader.TryRead(1, out batch));
                Assert.Equal("after", Seen.From(batch.Records.Span[0]).Value);
            }
        );

    [Fact]
    public Task Topics_are_created_once_and_keep_their_partitions() =>
        With(
            [In],
            async world =>
            {
                await world.Append(P(In, 0), "kept");
                await world.Engine.CreateTopicsAsync([new Topic("in", 3), Out], CancellationToken.None);
                Assert.Single(world.ReadAll(P(In, 0)));
                var refused = await Assert.ThrowsAsync<EngineException>(async () =>
                    await world.Engine.CreateTopicsAsync([new Topic("in", 4)], CancellationToken.None)
                );
                Assert.Contains("'in'", refused.Message);
                Assert.Contains("3 partitions", refused.Message);
                Assert.Contains("4", refused.Message);
            }
        );

    [Fact]
    public Task A_topic_or_partition_that_does_not_exist_is_refused_by_name() =>
        With(
            [In],
            world =>
            {
                Assert.Contains("'other'", Assert.Throws<EngineException>(() => world.Engine.Read(new(new("other", 1), 0), 0)).Message);
                Assert.Contains("in[3]", Assert.Throws<EngineException>(() => world.Engine.Read(P(In, 3), 0)).Message);
                return Task.CompletedTask;
            }
        );
}
