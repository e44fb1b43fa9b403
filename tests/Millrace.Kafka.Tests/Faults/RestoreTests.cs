using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Millrace.Engines;
using Millrace.Kafka.Tests.Chaos;
using Node = Millrace.Kafka.Tests.Chaos.Node;

namespace Millrace.Kafka.Tests.Faults;

/// <summary>State is what its topic says, whatever became of the local copy, and only as much is read again as must be.</summary>
public sealed partial class RestoreTests
{
    [Fact]
    public async Task After_a_clean_stop_nothing_is_restored()
    {
        await using var rig = await Rig.OnShared();
        var folder = rig.Folder();
        var first = rig.Open(folder);
        rig.Run(first, rig.Counting());
        rig.Feed(0, "a", "b", "a");
        await rig.Soon(() => rig.Outputs(0).Count == 3, "the outputs");
        await first.DisposeAsync();
        var second = rig.Open(folder);
        rig.Run(second, rig.Counting());
        rig.Feed(0, "a");
        await rig.Soon(() => rig.Outputs(0).Count == 4, "the next output");
        Assert.Equal(Rig.Counted("a", "b", "a", "a"), rig.Outputs(0));
        Assert.Equal(0, second.Follower.Read);
    }

    [Fact]
    public async Task A_folder_that_was_thrown_away_is_restored_whole()
    {
        await using var rig = await Rig.OnShared();
        var first = rig.Open();
        rig.Run(first, rig.Counting());
        rig.Feed(0, "a", "b", "a");
        await rig.Soon(() => rig.Outputs(0).Count == 3, "the outputs");
        await first.DisposeAsync();
        var second = rig.Open();
        rig.Run(second, rig.Counting());
        rig.Feed(0, "b", "a");
        await rig.Soon(() => rig.Outputs(0).Count == 5, "the next outputs");
        Assert.Equal(Rig.Counted("a", "b", "a", "b", "a"), rig.Outputs(0));
        Assert.True(second.Follower.Read > 0);
    }

    /// <summary>kill -9 costs what one commit wrote, not the state.</summary>
    [Fact]
    public async Task After_a_kill_at_most_one_commit_is_restored()
    {
        await using var rig = await Rig.OnShared();
        using var node = new Node(rig.Broker.Bootstrap, rig.Prefix, Path.Combine(rig.Folder(), "node"), 1_000_000, 1000);
        using var auditor = new Auditor(rig.Broker.Bootstrap, rig.Prefix);
        var token = TestContext.Current.CancellationToken;
        for (var kill = 1; kill <= 3; kill++)
        {
            var wanted = 3000L * kill;
            await Task.Run(() => Read(auditor, () => auditor.Outputs > wanted), token);
            node.Kill();
            node.Restart();
            await Task.Run(() => Read(auditor, () => auditor.Outputs > wanted + 1500), token);
            var restored = node.Lines().Select(l => Restored().Match(l)).Where(m => m.Success).ToList();
            var records = restored.Sum(m => long.Parse(m.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture));
            // Each change has two records of state; a commit of this load has a few hundred of them over all groups.
            Assert.True(records < 1500, $"{records} records were restored:\n{string.Join('\n', node.Lines())}");
        }
    }

    [Fact]
    public async Task State_that_another_process_owns_can_be_read_and_is_kept_up_to_date()
    {
        await using var rig = await Rig.OnShared();
        var owner = rig.Open();
        var reader = rig.Open();
        rig.Run(owner, rig.Counting());
        rig.Feed(0, "a");
        await rig.Soon(() => rig.Outputs(0).Count == 1, "the output");
        Assert.Equal("1", Rig.StateOf(reader, 0, "a"));
        rig.Feed(0, "a", "a");
        await rig.Soon(() => Rig.StateOf(reader, 0, "a") == "3", "the owner's state at the reader");
    }

    [Fact]
    public async Task Another_process_takes_a_partition_over_with_its_state_and_gives_it_back()
    {
        await using var rig = await Rig.OnShared();
        var first = rig.Open();
        rig.Run(first, rig.Counting());
        rig.Feed(0, "a", "b");
        await rig.Soon(() => rig.Outputs(0).Count == 2, "the first one's outputs");
        Assert.Equal("1", Rig.StateOf(first, 0, "a"));
        // With the first one's group stopped and its engine not: its copy goes on to follow what others write.
        var second = rig.Open();
        var (_, stop) = rig.Run(second, rig.Counting());
        await rig.Soon(() => rig.Log.Count(l => l.Event == 1302) >= 2, "the second one's share");
        rig.Feed(0, "a");
        rig.Feed(1, "c");
        await rig.Soon(() => rig.Outputs(0).Count == 3 && rig.Outputs(1).Count == 1, "outputs of both");
        await rig.Soon(() => Rig.StateOf(first, 0, "a") == "2" && Rig.StateOf(second, 0, "a") == "2", "the state at both");
        await stop.CancelAsync();
        rig.Feed(0, "a");
        rig.Feed(1, "c");
        await rig.Soon(() => rig.Outputs(0).Count == 4 && rig.Outputs(1).Count == 2, "the first one's outputs");
        Assert.Equal(Rig.Counted("a", "b", "a", "a"), rig.Outputs(0));
        Assert.Equal(Rig.Counted("c", "c"), rig.Outputs(1));
        await rig.Soon(() => Rig.StateOf(second, 0, "a") == "3", "the state at the second");
    }

    /// <summary>What the one before has in a transaction that is not decided belongs to the state if it is committed: the copy waits for that.</summary>
    [Fact]
    public async Task A_copy_is_complete_when_what_was_open_is_decided()
    {
        await using var rig = await Rig.OnShared();
        var first = rig.Open();
        rig.Run(first, rig.Counting());
        rig.Feed(0, "a");
        await rig.Soon(() => rig.Outputs(0).Count == 1, "the output");
        await first.DisposeAsync();
        // What the one before would write for a second "a", but for its end.
        using var before = rig.Producer("the-one-before");
        before.BeginTransaction();
        var state = rig.Place($"{Rig.Fold}.state", 0);
        before.Produce(state, new() { Key = "sa"u8.ToArray(), Value = "5"u8.ToArray() });
        var position = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(position, 1);
        before.Produce(state, new() { Key = Encoding.UTF8.GetBytes($"p{Rig.Input.Name}"), Value = position });
        before.Flush(TimeSpan.FromSeconds(30));
        rig.Feed(0, "a");
        var created = 0;
        var second = rig.Open();
        rig.Run(second, rig.Counting(created: partition => created += partition == 0 ? 1 : 0));
        await rig.Soon(() => second.Follower.Progress().Any(p => p.Partition == 0 && p.Left > 0), "the wait for what is open");
        // The other partition has nothing to wait for, and is worked on by the same thread.
        rig.Feed(1, "c", "c", "c");
        await rig.Soon(() => rig.Outputs(1).Count == 3, "the other partition's outputs");
        Assert.Equal(0, created);
        before.CommitTransaction();
        await rig.Soon(() => rig.Outputs(0).Count == 2, "the next output");
        Assert.Equal(["a 1", "a 6"], rig.Outputs(0));
    }

    /// <summary>Nobody ends it, and the group would look idle for ever.</summary>
    [Fact]
    public async Task A_transaction_that_nobody_ends_is_named_with_what_ends_it()
    {
        await using var rig = await Rig.OnShared();
        var engine = rig.Open(change: options => options.TransactionTimeout = TimeSpan.FromSeconds(2));
        rig.Run(engine, rig.Counting());
        rig.Feed(1, "a");
        await rig.Soon(() => rig.Outputs(1).Count == 1, "the output");
        using var lost = rig.Producer("lost");
        lost.BeginTransaction();
        lost.Produce(rig.Place(Rig.Input.Name, 1), Rig.Message("a", "never"));
        lost.Flush(TimeSpan.FromSeconds(30));
        rig.Feed(1, "a");

        await rig.Soon(
            () => rig.Faults.Any(f => f.Message.Contains("--partition 1 --start-offset ", StringComparison.Ordinal)),
            "what is in the way"
        );

        Assert.Single(rig.Outputs(1));
        lost.AbortTransaction();
        await rig.Soon(() => rig.Outputs(1).Count == 2, "the rest");
    }

    [Fact]
    public async Task What_was_aborted_is_in_no_log_and_no_state()
    {
        await using var rig = await Rig.OnShared();
        rig.Run(rig.Open(), rig.Counting());
        using var producer = rig.Producer("aborting");
        for (var round = 0; round < 3; round++)
        {
            producer.BeginTransaction();
            producer.Produce(rig.Place(Rig.Input.Name, 0), Rig.Message("a", "aborted"));
            producer.Flush(TimeSpan.FromSeconds(30));
            rig.Feed(0, "b");
            producer.AbortTransaction();
        }
        rig.Feed(0, "a");
        var engine = rig.Open();
        await rig.Soon(() => rig.Outputs(0).Count >= 4, "the outputs");
        Assert.Equal(Rig.Counted("b", "b", "b", "a"), rig.Outputs(0));
        Assert.Equal("1", Rig.StateOf(engine, 0, "a"));
        using var reader = engine.Read(new(Rig.Input, 0), 0);
        var read = new List<string>();
        while (reader.TryRead(100, out var batch))
        {
            read.AddRange(batch.Records.ToArray().Select(r => Encoding.UTF8.GetString(r.Value.Span)));
        }
        Assert.Equal(["b", "b", "b", "a"], read);
    }

    /// <summary>The state's topic has lost what the group has committed: it says so and stands still until somebody decides, and then goes on.</summary>
    [Fact]
    public async Task A_state_that_lost_records_is_a_fault_until_somebody_decides()
    {
        await using var rig = await Rig.OnShared();
        var folder = rig.Folder();
        var first = rig.Open(folder);
        rig.Run(first, rig.Counting());
        rig.Feed(0, "a", "a");
        await rig.Soon(() => rig.Outputs(0).Count == 2, "the outputs");
        await first.DisposeAsync();
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = rig.Broker.Bootstrap }).Build();
        await admin.DeleteTopicsAsync([$"{rig.Prefix}{Rig.Fold}.state"]);
        await rig.Soon(
            () => admin.GetMetadata($"{rig.Prefix}{Rig.Fold}.state", TimeSpan.FromSeconds(10)).Topics[0].Error.IsError,
            "the topic's end"
        );
        var second = rig.Open(folder);
        rig.Run(second, rig.Counting());
        rig.Feed(0, "a");
        await rig.Soon(() => rig.Faults.Any(f => f.Message.Contains("it has lost records", StringComparison.Ordinal)), "the fault");
        Assert.Contains(rig.Log, l => l.Event == 1307);
        Assert.Equal(Rig.Counted("a", "a"), rig.Outputs(0));
        await second.DisposeAsync();
        await rig.Soon(
            () =>
            {
                try
                {
                    admin
                        .AlterConsumerGroupOffsetsAsync([
                            new($"{rig.Prefix}{Rig.Fold}", [new(rig.Place(Rig.Input.Name, 0), 0), new(rig.Place(Rig.Input.Name, 1), 0)]),
                        ])
                        .GetAwaiter()
                        .GetResult();
                    return true;
                }
                catch (KafkaException)
                {
                    // Its members have not left yet.
                    return false;
                }
            },
            "the group's new position"
        );
        rig.Run(rig.Open(folder), rig.Counting());
        await rig.Soon(() => rig.Outputs(0).Count == 5, "all of it once more");
        Assert.Equal([.. Rig.Counted("a", "a"), .. Rig.Counted("a", "a", "a")], rig.Outputs(0));
    }

    /// <summary>Commands that were deleted before they were handled are missing, and nobody may go on as if there had been none.</summary>
    [Fact]
    public async Task An_input_whose_next_records_were_deleted_is_a_fault()
    {
        await using var rig = await Rig.OnShared();
        var folder = rig.Folder();
        var first = rig.Open(folder);
        rig.Run(first, rig.Counting());
        rig.Feed(0, "a");
        await rig.Soon(() => rig.Outputs(0).Count == 1, "the output");
        await first.DisposeAsync();
        rig.Feed(0, "b", "c", "d");
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = rig.Broker.Bootstrap }).Build();
        await admin.DeleteRecordsAsync([new(rig.Place(Rig.Input.Name, 0), 3)]);
        rig.Run(rig.Open(folder), rig.Counting());
        await rig.Soon(() => rig.Faults.Any(f => f.Message.Contains("are not there any more", StringComparison.Ordinal)), "the fault");
        rig.Feed(1, "x");
        await rig.Soon(() => rig.Faults.Count > 1, "another try");
        Assert.Equal(Rig.Counted("a"), rig.Outputs(0));
    }

    private static void Read(Auditor auditor, Func<bool> enough)
    {
        var since = DateTime.UtcNow;
        while (!enough())
        {
            Assert.True(DateTime.UtcNow - since < TimeSpan.FromSeconds(90), $"{auditor.Outputs} outputs of {auditor.Inputs} inputs");
            auditor.Read(TimeSpan.FromMilliseconds(100));
        }
    }

    [GeneratedRegex(@"is restored: (\d+) records")]
    private static partial Regex Restored();
}
