using System.Collections.Concurrent;
using Millrace.Kafka.Clients;
using Millrace.Kafka.Tests.Chaos;

namespace Millrace.Kafka.Tests.Faults;

/// <summary>Who was taken for dead, or told to go, writes nothing any more.</summary>
public sealed class FencingTests
{
    /// <summary>The first process hangs in a call for so long that the group goes on without it, and then wants to commit.</summary>
    [Fact]
    public async Task A_process_that_was_put_out_of_its_group_commits_nothing()
    {
        await using var rig = await Rig.OnShared();
        var hangs = new TaskCompletionSource();
        var goesOn = new TaskCompletionSource();
        var first = rig.Open(change: o =>
        {
            // A call that takes longer puts the process out.
            o.Client["max.poll.interval.ms"] = "6000";
        });
        rig.Run(
            first,
            rig.Counting(
                async (partition, batch, _, _) =>
                {
                    if (partition == 0 && !batch.Records.IsEmpty && hangs.TrySetResult())
                    {
                        await goesOn.Task;
                    }
                }
            )
        );
        rig.Feed(0, "a", "a", "b");
        await hangs.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        var second = rig.Open();
        var (_, stopSecond) = rig.Run(second, rig.Counting());
        await rig.Soon(() => rig.Outputs(0).Count >= 3, "the second process's work");
        goesOn.SetResult();
        await rig.Soon(() => rig.Log.Any(l => l.Event == 1311), "its partition is given up");
        rig.Feed(0, "a");
        await rig.Soon(() => rig.Outputs(0).Count >= 4, "the second process's work");
        Assert.Equal(Rig.Counted("a", "a", "b", "a"), rig.Outputs(0));
        // What the first one wanted to write is not in its own copy either: it goes on where the second one stops.
        await stopSecond.CancelAsync();
        await second.DisposeAsync();
        rig.Feed(0, "b", "a");
        await rig.Soon(() => rig.Outputs(0).Count >= 6, "the first process's work");
        Assert.Equal(Rig.Counted("a", "a", "b", "a", "b", "a"), rig.Outputs(0));
        Assert.Equal("4", Rig.StateOf(first, 0, "a"));
        Assert.Equal("2", Rig.StateOf(first, 0, "b"));
    }

    /// <summary>A membership that has not joined has no generation, and a commit without one would not be checked.</summary>
    [Fact]
    public async Task Without_a_generation_nothing_is_committed()
    {
        await using var rig = await Rig.OnShared();
        var engine = rig.Open();
        // Of a topic that does not exist there is nothing to share out, so that it never joins.
        using var membership = new Membership(engine.Clients, "nobody", 0, "nowhere", new Ignored());
        membership.Start();
        await rig.Soon(() => HasClient(membership), "a client that has not joined");
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

    /// <summary>Frozen for longer than its session, it wakes up with work in its hands and a transaction open.</summary>
    [Fact]
    public async Task A_fenced_process_writes_nothing()
    {
        await using var rig = await Rig.OnShared();
        using var auditor = new Follow(rig, perSecond: 400);
        await auditor.Until(a => a.Outputs > 500, "work of both");
        for (var n = 0; n < 2; n++)
        {
            var frozen = auditor.Nodes[n];
            frozen.Freeze();
            var before = auditor.Auditor.Outputs;
            await auditor.Until(
                _ => auditor.Nodes[1 - n].Lines().FindAll(TookFold).Count >= 1 && auditor.Auditor.Outputs > before + 4000,
                "the other one's work on all partitions"
            );
            frozen.Thaw();
            await auditor.Until(
                _ =>
                    frozen
                        .Lines()
                        .Exists(l =>
                            l.Contains("was not committed", StringComparison.Ordinal) || l.Contains("has lost", StringComparison.Ordinal)
                        ),
                "that it is told"
            );
            before = auditor.Auditor.Outputs;
            await auditor.Until(a => a.Outputs > before + 1000, "work of both again");
        }
    }

    /// <summary>The reader of the source is killed: the other process goes on with it, and no change is there twice.</summary>
    [Fact]
    public async Task Of_two_capturing_processes_one_goes_on_when_the_other_is_killed()
    {
        await using var rig = await Rig.OnShared();
        using var auditor = new Follow(rig, perSecond: 400);
        await auditor.Until(a => a.Outputs > 500, "work of both");
        for (var n = 0; n < 2; n++)
        {
            var owner = auditor.Nodes[0].Lines().Contains("owner") ? 0 : 1;
            Assert.DoesNotContain("owner", auditor.Nodes[1 - owner].Lines());
            auditor.Nodes[owner].Kill();
            await auditor.Until(_ => auditor.Nodes[1 - owner].Lines().Contains("owner"), "the takeover");
            var before = auditor.Auditor.Inputs;
            await auditor.Until(a => a.Inputs > before + 500 && a.Outputs > before, "changes from the next one");
            auditor.Nodes[owner].Restart();
            await auditor.Until(_ => auditor.Nodes[owner].Lines().Exists(TookFold), "the killed one's return");
        }
    }

    private static bool TookFold(string line) => line.Contains($"{Workload.Fold} takes", StringComparison.Ordinal);

    private static bool HasClient(Membership membership)
    {
        try
        {
            membership.Committed([], CancellationToken.None);
            return true;
        }
        catch (StaleMemberException)
        {
            return false;
        }
    }

    private sealed class Ignored : IMember
    {
        public void Assigned(IReadOnlyList<int> partitions) { }

        public void Revoked(IReadOnlyList<int> partitions, bool lost) { }

        public void Troubled(string reason) { }
    }
}

/// <summary>Two processes of the workload, and the auditor who reads along.</summary>
internal sealed class Follow : IDisposable
{
    public Follow(Rig rig, int perSecond)
    {
        Nodes =
        [
            .. Enumerable
                .Range(0, 2)
                .Select(n => new Node(rig.Broker.Bootstrap, rig.Prefix, Path.Combine(rig.Folder(), "node"), 1_000_000, perSecond)),
        ];
        Auditor = new Auditor(rig.Broker.Bootstrap, rig.Prefix);
    }

    public Node[] Nodes { get; }

    public Auditor Auditor { get; }

    /// <summary>Reads until something is so; what it reads on the way is checked.</summary>
    public Task Until(Func<Auditor, bool> condition, string what) =>
        Task.Run(() =>
        {
            var since = DateTime.UtcNow;
            while (!condition(Auditor))
            {
                var lines = Nodes.SelectMany(n => n.Lines().TakeLast(30));
                Assert.True(DateTime.UtcNow - since < TimeSpan.FromSeconds(90), $"{what} did not come\n{string.Join('\n', lines)}");
                Auditor.Read(TimeSpan.FromMilliseconds(100));
            }
        });

    public void Dispose()
    {
        foreach (var node in Nodes)
        {
            node.Dispose();
        }
        Auditor.Dispose();
    }
}
