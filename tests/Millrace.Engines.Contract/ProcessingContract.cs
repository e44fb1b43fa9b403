namespace Millrace.Engines.Contract;

public abstract class ProcessingContract : EngineContract
{
    [Fact]
    public Task Every_record_is_handled_once_in_order_and_outputs_go_with_the_state() =>
        With(
            [In, Out],
            async world =>
            {
                await world.Append(P(In, 0), Numbers(0, 30));
                await world.While(
                    [Handler.Group("copy", [In], Copy, maxBatch: 4)],
                    async () =>
                    {
                        for (var i = 0; i < 60; i++)
                        {
                            await world.Append(P(In, i % 3), $"more {i}");
                        }
                        await world.Until(() => Total(world) == 90, "all copied");
                    }
                );
                for (var p = 0; p < 3; p++)
                {
                    var input = world.ReadAll(P(In, p));
                    Assert.Equal(input, world.ReadAll(P(Out, p)));
                    Assert.Equal($"{input.Count}", Get(world.Engine.OpenState("copy", p), "count"));
                    Assert.Equal(input.Count, world.Handled("copy", P(In, p)));
                }
            }
        );

    [Fact]
    public Task Who_sees_an_output_sees_the_state_and_position_committed_with_it() =>
        With(
            [In, Out],
            async world =>
            {
                await world.While(
                    [Handler.Group("copy", [In], Copy, maxBatch: 3)],
                    async () =>
                    {
                        for (var i = 0; i < 40; i++)
                        {
                            await world.Append(P(In, 0), $"{i}");
                            var seen = world.ReadAll(P(Out, 0)).Count;
                            Assert.True(seen == 0 || int.Parse(Get(world.Engine.OpenState("copy", 0), "count")!) >= seen);
                            Assert.True(world.Handled("copy", P(In, 0)) >= seen);
                        }
                        await world.Until(() => Total(world) == 40, "all copied");
                    }
                );
            }
        );

    [Fact]
    public Task A_group_goes_on_where_it_was_stopped() =>
        With(
            [In, Out],
            async world =>
            {
                for (var round = 1; round <= 5; round++)
                {
                    await world.Append(P(In, round % 3), Numbers(round * 100, 20));
                    await world.While(
                        [Handler.Group("copy", [In], Copy, maxBatch: 3)],
                        () => world.Until(() => Total(world) >= round * 20 - 7, "most copied")
                    );
                }
                await world.While([Handler.Group("copy", [In], Copy)], () => world.Until(() => Total(world) == 100, "all copied"));
                for (var p = 0; p < 3; p++)
                {
                    Assert.Equal(world.ReadAll(P(In, p)), world.ReadAll(P(Out, p)));
                }
            }
        );

    [Fact]
    public Task A_group_that_runs_after_partitions_were_added_has_all_of_them() =>
        With(
            [In, Out],
            async world =>
            {
                for (var p = 0; p < 3; p++)
                {
                    await world.Append(P(In, p), Numbers(p * 100, 20));
                }
                await world.While(
                    [Handler.Group("copy", [In], Copy, maxBatch: 3)],
                    () => world.Until(() => Total(world) >= 30, "half copied")
                );
                var (more, moreOut) = (In with { Partitions = 5 }, Out with { Partitions = 5 });
                await world.Engine.AddPartitionsAsync([more, moreOut, new Topic("new", 5)], CancellationToken.None);
                // Who asks for as many or fewer has what he wants.
                await world.Engine.AddPartitionsAsync([more, In], CancellationToken.None);
                await world.Engine.CreateTopicsAsync([more, moreOut, new Topic("new", 5)], CancellationToken.None);
                await Assert.ThrowsAsync<EngineException>(async () => await world.Engine.CreateTopicsAsync([In], CancellationToken.None));
                for (var p = 0; p < 5; p++)
                {
                    await world.Append(P(more, p), Numbers(p * 100 + 50, 20));
                }
                await world.While(
                    [
                        Handler.Group(
                            "copy",
                            [more, new Topic("new", 5)],
                            p => Handler.Yielding((batch, transaction) => CopyTo(moreOut, p, batch, transaction)),
                            maxBatch: 3
                        ),
                    ],
                    () => world.Until(() => Enumerable.Range(0, 5).Sum(p => world.ReadAll(P(moreOut, p)).Count) == 160, "all copied")
                );
                for (var p = 0; p < 5; p++)
                {
                    var input = world.ReadAll(P(more, p)).Select(s => s.Value).ToList();
                    Assert.Equal(p < 3 ? 40 : 20, input.Count);
                    Assert.Equal(input, world.ReadAll(P(moreOut, p)).Select(s => s.Value));
                    Assert.Equal($"{input.Count}", Get(world.Engine.OpenState("copy", p), "count"));
                    Assert.Equal(input.Count, world.Handled("copy", P(more, p)));
                }
            }
        );

    [Fact]
    public Task Groups_feed_groups_and_do_not_disturb_each_other() =>
        With(
            [In, Out, new Topic("far", 3)],
            async world =>
            {
                var far = new Topic("far", 3);
                await world.While(
                    [
                        Handler.Group("one", [In], Copy),
                        Handler.Group("two", [Out], p => Handler.Of((batch, transaction) => CopyTo(far, (p + 1) % 3, batch, transaction))),
                    ],
                    async () =>
                    {
                        for (var i = 0; i < 30; i++)
                        {
                            await world.Append(P(In, i % 3), $"{i}");
                        }
                        await world.Until(() => Enumerable.Range(0, 3).Sum(p => world.Handled("two", P(Out, p))) == 30, "all through both");
                    }
                );
                for (var p = 0; p < 3; p++)
                {
                    Assert.Equal(world.ReadAll(P(In, p)), world.ReadAll(P(far, (p + 1) % 3)));
                }
            }
        );

    [Fact]
    public Task A_group_may_read_several_topics_each_in_order() =>
        With(
            [In, Out, new Topic("merged", 3)],
            async world =>
            {
                var merged = new Topic("merged", 3);
                await world.While(
                    [
                        Handler.Group(
                            "merge",
                            [In, Out],
                            p => Handler.Yielding((batch, transaction) => CopyTo(merged, p, batch, transaction)),
                            maxBatch: 5
                        ),
                    ],
                    async () =>
                    {
                        for (var i = 0; i < 30; i++)
                        {
                            await world.Append(P(In, i % 3), $"in {i:00}");
                            await world.Append(P(Out, i % 3), $"out {i:00}");
                        }
                        await world.Until(() => Enumerable.Range(0, 3).Sum(p => world.ReadAll(P(merged, p)).Count) == 60, "all merged");
                    }
                );
                for (var p = 0; p < 3; p++)
                {
                    var all = world.ReadAll(P(merged, p));
                    Assert.Equal(
                        world.ReadAll(P(In, p)).Select(s => s.Value),
                        all.Select(s => s.Value).Where(v => v.StartsWith("in", StringComparison.Ordinal))
                    );
                    Assert.Equal(
                        world.ReadAll(P(Out, p)).Select(s => s.Value),
                        all.Select(s => s.Value).Where(v => v.StartsWith("out", StringComparison.Ordinal))
                    );
                }
            }
        );

    [Fact]
    public Task The_first_call_has_an_empty_batch_and_loads_what_was_committed() =>
        With(
            [In, Out],
            async world =>
            {
                var firsts = new List<string>();
                IProcessor Create(int partition)
                {
                    var first = true;
                    return Handler.Of(
                        (batch, transaction) =>
                        {
                            if (first && partition == 0)
                            {
                                lock (firsts)
                                {
                                    firsts.Add($"{batch.Records.Length} {Get(transaction, "count")}");
                                }
                            }
                            first = false;
                            CopyTo(Out, partition, batch, transaction);
                        }
                    );
                }
                await world.Append(P(In, 0), Numbers(0, 5));
                await world.While([Handler.Group("g", [In], Create)], () => world.Until(() => Total(world) == 5, "all copied"));
                await world.While(
                    [Handler.Group("g", [In], Create)],
                    () =>
                        world.Until(
                            () =>
                            {
                                lock (firsts)
                                {
                                    return firsts.Contains("0 5");
                                }
                            },
                            "begun again"
                        )
                );
                Assert.Equal("0 ", firsts[0]);
                Assert.All(firsts, f => Assert.StartsWith("0 ", f));
            }
        );

    [Fact]
    public Task A_processor_that_throws_is_disposed_and_replaced_from_the_committed_state() =>
        With(
            [In, Out],
            async world =>
            {
                var faults = new List<(int, string)>();
                int created = 0,
                    disposed = 0;
                int FaultCount()
                {
                    lock (faults)
                    {
                        return faults.Count;
                    }
                }
                var group = new ProcessorGroup
                {
                    Name = "copy",
                    Inputs = [In],
                    MaxBatch = 1,
                    Faulted = (partition, e) =>
                    {
                        lock (faults)
                        {
                            faults.Add((partition, e.Message));
                        }
                    },
                    Create = partition =>
                    {
                        Interlocked.Increment(ref created);
                        return new Handler
                        {
                            OnProcess = (batch, transaction, _) =>
                            {
                                CopyTo(Out, partition, batch, transaction);
                                if (!batch.Records.IsEmpty && Seen.From(batch.Records.Span[0]).Value == "poison" && FaultCount() < 3)
                                {
                                    throw new InvalidOperationException("poisoned");
                                }
                                return new(default(Progress));
                            },
                            OnDisposed = () => Interlocked.Increment(ref disposed),
                        };
                    },
                };
                await world.Append(P(In, 1), "a", "b", "poison", "c");
                await world.While([group], () => world.Until(() => Total(world) == 4, "copied in the end"));
                Assert.Equal([(1, "poisoned"), (1, "poisoned"), (1, "poisoned")], faults);
                Assert.Equal(["a", "b", "poison", "c"], world.ReadAll(P(Out, 1)).Select(s => s.Value));
                Assert.Equal("4", Get(world.Engine.OpenState("copy", 1), "count"));
                Assert.Equal(created, disposed);
                Assert.True(created >= 6);
            }
        );

    [Fact]
    public Task A_processor_that_cannot_be_made_is_reported_and_tried_again() =>
        With(
            [In, Out],
            async world =>
            {
                int tries = 0,
                    faults = 0;
                var group = new ProcessorGroup
                {
                    Name = "copy",
                    Inputs = [In],
                    Faulted = (_, _) => Interlocked.Increment(ref faults),
                    Create = partition =>
                        partition == 0 && Interlocked.Increment(ref tries) == 1
                            ? throw new InvalidOperationException("not yet")
                            : Copy(partition),
                };
                await world.Append(P(In, 0), "a");
                await world.While([group], () => world.Until(() => Total(world) == 1, "copied"));
                Assert.Equal(1, faults);
            }
        );

    [Fact]
    public Task More_asks_for_another_call_after_the_commit_without_input() =>
        With(
            [In, Out],
            async world =>
            {
                var group = Handler.Group(
                    "steps",
                    [In],
                    partition => new Handler
                    {
                        OnProcess = (_, transaction, _) =>
                        {
                            var step = int.Parse(Get(transaction, "step") ?? "0");
                            if (step < 5)
                            {
                                transaction.Put("step"u8, Text.Of($"{step + 1}"));
                                transaction.Append(P(Out, partition), step, default, default, Text.Of($"{step}"));
                            }
                            return new(new Progress(More: step < 4));
                        },
                    }
                );
                await world.While(
                    [group],
                    () => world.Until(() => Enumerable.Range(0, 3).All(p => world.ReadAll(P(Out, p)).Count == 5), "all steps done")
                );
                for (var p = 0; p < 3; p++)
                {
                    Assert.Equal(Numbers(0, 5), world.ReadAll(P(Out, p)).Select(s => s.Value));
                }
            }
        );

    [Fact]
    public Task WakeAfter_asks_for_a_call_in_a_while_without_input() =>
        With(
            [In, Out],
            async world =>
            {
                var group = Handler.Group(
                    "ticks",
                    [In],
                    partition => new Handler
                    {
                        OnProcess = (batch, transaction, _) =>
                        {
                            if (partition == 0)
                            {
                                transaction.Append(P(Out, 0), 0, default, default, batch.Records.IsEmpty ? "tick"u8 : "input"u8);
                            }
                            return new(new Progress(WakeAfter: TimeSpan.FromMilliseconds(5)));
                        },
                    }
                );
                await world.While(
                    [group],
                    async () =>
                    {
                        await world.Until(() => world.ReadAll(P(Out, 0)).Count(s => s.Value == "tick") > 3, "ticks");
                        await world.Append(P(In, 0), "x");
                        await world.Until(() => world.ReadAll(P(Out, 0)).Any(s => s.Value == "input"), "input handled");
                    }
                );
            }
        );

    [Fact]
    public Task Committed_is_told_when_its_writes_can_be_read_and_only_when_there_were_any() =>
        With(
            [In, Out],
            async world =>
            {
                var told = new List<string>();
                var group = Handler.Group(
                    "copy",
                    [In],
                    partition =>
                    {
                        long handled = 0;
                        return new Handler
                        {
                            OnProcess = (batch, transaction, _) =>
                            {
                                CopyTo(Out, partition, batch, transaction);
                                handled = batch.Records.Length;
                                return new(default(Progress));
                            },
                            OnCommitted = () =>
                            {
                                lock (told)
                                {
                                    var count = Get(world.Engine.OpenState("copy", partition), "count");
                                    told.Add(
                                        handled == 0 ? "told of nothing"
                                        : count == $"{world.ReadAll(P(Out, partition)).Count}" ? "right"
                                        : "too early"
                                    );
                                }
                            },
                        };
                    },
                    maxBatch: 2
                );
                await world.Append(P(In, 0), Numbers(0, 8));
                await world.While([group], () => world.Until(() => Total(world) == 8, "all copied"));
                Assert.NotEmpty(told);
                Assert.All(told, t => Assert.Equal("right", t));
            }
        );

    [Fact]
    public Task Durable_input_is_handed_over_in_the_end() =>
        With(
            [In, Out],
            async world =>
            {
                await world.While(
                    [Handler.Group("effects", [In], Copy, durable: true)],
                    async () =>
                    {
                        for (var i = 0; i < 10; i++)
                        {
                            await world.Append(P(In, 0), $"{i}");
                        }
                        await world.Until(() => Total(world) == 10, "all copied");
                        Assert.Equal(Numbers(0, 10), world.ReadAll(P(In, 0), durableOnly: true).Select(s => s.Value));
                    }
                );
            }
        );

    [Fact]
    public Task Stopping_a_group_cancels_its_processors_and_drops_what_they_wrote() =>
        With(
            [In, Out],
            async world =>
            {
                int created = 0,
                    disposed = 0,
                    waiting = 0;
                var group = Handler.Group(
                    "stuck",
                    [In],
                    partition =>
                    {
                        Interlocked.Increment(ref created);
                        return new Handler
                        {
                            OnProcess = async (batch, transaction, cancellation) =>
                            {
                                if (!batch.Records.IsEmpty)
                                {
                                    CopyTo(Out, partition, batch, transaction);
                                    Interlocked.Increment(ref waiting);
                                    var stopped = new TaskCompletionSource();
                                    await using var registration = cancellation.Register(() => stopped.TrySetCanceled(cancellation));
                                    await stopped.Task;
                                }
                                return default;
                            },
                            OnDisposed = () => Interlocked.Increment(ref disposed),
                        };
                    }
                );
                await world.Append(P(In, 0), "a");
                await world.While([group], () => world.Until(() => waiting > 0, "a processor that waits"));
                Assert.Equal(created, disposed);
                Assert.Equal(0, Total(world));
                Assert.Equal(0, world.Engine.CommittedOffset("stuck", P(In, 0)));
            }
        );

    [Fact]
    public Task Inputs_with_different_numbers_of_partitions_are_refused() =>
        With(
            [In, new Topic("four", 4)],
            async world =>
            {
                var refused = await Assert.ThrowsAsync<EngineException>(() =>
                    world.Engine.RunAsync(Handler.Group("uneven", [In, new Topic("four", 4)], Copy), CancellationToken.None)
                );
                Assert.Contains("'uneven'", refused.Message);
            }
        );

    protected static int Total(World world) => Enumerable.Range(0, 3).Sum(p => world.ReadAll(P(Out, p)).Count);
}
