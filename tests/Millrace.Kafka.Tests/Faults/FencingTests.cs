using System.Collections.Concurrent;
using Millrace.Kafka.Clients;
using Millrace.Kafka.Tests.Chaos;

namespace Millrace.Kafka.Tests.Faults;

/// <summary>Who was taken for dead, or told to go, writes nothing any more.</summary>
public sealed class FencingTests
{
    /// <summary>A membership that has not joined has no generation, and a commit without one would not be checked.</summary>
    [Fact]
    public async Task Without_a_generation_nothing_is_committed()
    {
        await using var rig = await Rig.OnShared();
        var engine = rig.Open();
        using var membership = new Membership(engine.Clients, "nobody", 0, [Rig.Input.Name], new Ignored());
        Assert.Throws<StaleMemberException>(membership.Proof);
        using var sender = new TransactionalSender(engine.Clients, engine.Topics, "nobody-1");
        var transaction = new KafkaTransaction(() => throw new InvalidOperationException());
        transaction.Append(new(Rig.Output, 0), 1, "k"u8, default, "v"u8);
        var refused = Assert.Throws<CommitException>(() =>
            sender.Commit([new Part { Transaction = transaction, Image = null }], [], membership, TestContext.Current.CancellationToken)
        );
        Assert.True(refused.Stale);
        Assert.Empty(rig.Outputs(0));
    }

    /// <summary>Whoever is to go has stopped before the next one begins, however long its call takes.</summary>
    [Fact]
    public async Task A_partition_is_worked_on_by_one_process_at_a_time()
    {
        await using var rig = await Rig.OnShared();
        var working = new ConcurrentDictionary<int, int>();
        var both = new TaskCompletionSource();
        void Begins(int partition)
        {
            if (working.AddOrUpdate(partition, 1, (_, n) => n + 1) > 1)
            {
                both.TrySetResult();
            }
        }
        void Ends(int partition) => working.AddOrUpdate(partition, 0, (_, n) => n - 1);
        var told = 0;
        var first = rig.Open();
        rig.Run(
            first,
            rig.Counting(
                async (partition, batch, _, stop) =>
                {
                    if (batch.Records.IsEmpty)
                    {
                        return;
                    }
                    await Task.Delay(Timeout.Infinite, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    Interlocked.Increment(ref told);
                    // The other one has all this time to begin too early.
                    await Task.WhenAny(both.Task, Task.Delay(TimeSpan.FromSeconds(3), CancellationToken.None));
                    throw new OperationCanceledException(stop);
                },
                Begins,
                Ends
            )
        );
        rig.Feed(0, "a");
        rig.Feed(1, "b");
        await rig.Soon(() => working.Count == 2, "the first process's work");
        var second = rig.Open();
        rig.Run(second, rig.Counting(null, Begins, Ends));
        await rig.Soon(() => told > 0, "the revocation");
        await rig.Soon(() => rig.Outputs(0).Count + rig.Outputs(1).Count > 0, "the second process's work");
        Assert.False(both.Task.IsCompleted);
    }

    /// <summary>A process that is started again has the name it had, and what it left open is ended at once, not when its time is up.</summary>
    [Fact]
    public async Task What_a_killed_process_left_open_is_ended_by_its_successor()
    {
        await using var rig = await Rig.OnShared();
        using var killed = rig.Producer($"{Rig.Fold}-pod-0-0");
        killed.BeginTransaction();
        killed.Produce(rig.Place(Rig.Output.Name, 0), Rig.Message("x", "of the killed one"));
        killed.Flush(TimeSpan.FromSeconds(30));
        rig.Run(rig.Open(change: o => o.InstanceId = "pod-0"), rig.Counting());
        rig.Feed(0, "a");
        await rig.Soon(
            () => rig.Outputs(0).Count > 0,
            "an output that is readable although the killed process's transaction has 10 minutes"
        );
        Assert.Equal(Rig.Counted("a"), rig.Outputs(0));
    }

    private sealed class Ignored : IMember
    {
        public void Assigned(IReadOnlyList<int> partitions) { }

        public void Revoked(IReadOnlyList<int> partitions, bool lost) { }

        public void Troubled(string reason) { }
    }
}
