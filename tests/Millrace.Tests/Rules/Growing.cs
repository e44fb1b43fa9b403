using System.Text;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>
/// Partitions are added by fences: the old one passes on what comes late, the new one keeps what comes until the state of its entities has, and who reads
/// below sees each entity in its order. See also the schedules in Growing.
/// </summary>
public class Growing
{
    private static readonly long[] Ids = [.. Enumerable.Range(1, 40).Select(id => (long)id)];

    [Fact]
    public void An_entity_goes_on_where_it_was()
    {
        var scenario = All(Scenario.Of(Orders)).Grow(7);
        foreach (var id in Ids)
        {
            scenario.When(Update(new OrderRow(id, "paid"))).Then(Order, id, Saw("order Updated: open -> paid (1 lines)"));
        }
        Assert.Empty(scenario.Runtime.Moving());
    }

    [Fact]
    public void What_comes_before_the_state_waits_for_it()
    {
        var scenario = All(Scenario.Of(Orders)).Grow(7);
        // Into the new partition, before its fence is even written.
        var sent = Ids.Select(id => scenario.Runtime.Commands.Send(id, new Saying.Say("hello"), new SendOptions(), CancellationToken.None))
            .ToList();
        scenario.Settle();
        var moved = Ids.Where(id => Partition(scenario, id) >= 4).ToList();
        Assert.NotEmpty(moved);
        Assert.All(moved, id => Assert.False(sent[Array.IndexOf(Ids, id)].IsCompleted));
        scenario.Given(Insert(new OrderRow(1000, "open")));
        Assert.All(sent, decided => Assert.Null(decided.Result.Rejected));
        Assert.All(sent, decided => Assert.Equal(3, decided.Result.Sequence));
    }

    [Fact]
    public void What_comes_late_is_passed_on_once()
    {
        var scenario = All(Scenario.Of(Orders)).Grow(7).Given(Insert(new OrderRow(1000, "open")));
        var moved = Ids.First(id => Partition(scenario, id) >= 4);
        var old = Slots.PartitionOf(Key(moved), 4);
        var headers = new System.Buffers.ArrayBufferWriter<byte>();
        RecordHeaders.Write(headers, Header.Id, "late"u8);
        RecordHeaders.Write(headers, Header.Type, "say"u8);
        scenario.Grow(9).Given(Insert(new OrderRow(1001, "open")));
        var appender = scenario.Engine.OpenAppender("late");
        var transaction = appender.Begin();
        var commands = scenario.Runtime.Application.Commands(Order);
        transaction.Append(
            new TopicPartition(commands, old),
            scenario.Now,
            Key(moved),
            headers.WrittenSpan,
            """{"$type":"say","What":"late"}"""u8
        );
        Commit(appender, transaction);
        scenario.When(Update(new OrderRow(1001, "paid"))).Then(Order, moved, Saw("late after 2"));
    }

    [Fact]
    public void A_process_that_began_with_another_number_refuses_the_fence()
    {
        var scenario = Scenario.Of(Orders, 1);
        var appender = scenario.Engine.OpenAppender("other");
        var transaction = appender.Begin();
        transaction.Append(
            new TopicPartition(scenario.Runtime.Application.Commands(Order), 0),
            scenario.Now,
            default,
            LogHeads.Headers(Controls.Grown, "grown-2"),
            """{"partitions":[3,5]}"""u8
        );
        Commit(appender, transaction);
        var refused = Assert.Throws<ScenarioException>(() => scenario.When(Insert(new OrderRow(1, "open"))));
        Assert.Contains("Set it back to 3", refused.Message);
    }

    [Theory]
    [InlineData(3, "can be given more, up to 1024, never fewer")]
    [InlineData(1025, "can be given more, up to 1024, never fewer")]
    public void Fewer_partitions_or_more_than_slots_are_refused(int partitions, string why)
    {
        var scenario = Scenario.Of(Orders);
        Assert.Contains(why, Assert.Throws<ArgumentException>(() => scenario.Grow(partitions)).Message);
    }

    [Fact]
    public void While_a_snapshot_is_under_way_or_entities_move_partitions_are_not_added()
    {
        var scenario = All(Scenario.Of(Orders));
        var snapshot = scenario.SnapshotBegan("orders");
        Assert.Contains("A snapshot is under way", Assert.Throws<ArgumentException>(() => scenario.Grow(5)).Message);
        scenario.SnapshotShows("orders", snapshot);
        scenario.SnapshotEnded("orders", snapshot);
        scenario.AllSnapshotsEnded();
        scenario.Grow(5);
        Assert.Contains("still moving", Assert.Throws<ArgumentException>(() => scenario.Grow(6)).Message);
    }

    [Fact]
    public void A_timer_does_not_fire_while_its_answer_is_still_to_be_decided_in_a_new_partition()
    {
        var scenario = Scenario.Of(Watch.Orders, new Limits(1000)).Grow(64).Given([.. Ids.Select(id => Insert(new OrderRow(id, "open")))]);
        scenario.After(TimeSpan.FromMinutes(29));
        // All are done in time; what was added decides for some of them when the clock is past the timers already.
        foreach (var id in Ids)
        {
            scenario.Given(Update(new OrderRow(id, "done")));
        }
        scenario.After(TimeSpan.FromHours(1));
        Assert.Empty(scenario.Since(scenario.Runtime.Application.Intents(Watch.Late), fromStart: true));
        scenario.Given(Insert(new OrderRow(2000, "open"))).After(TimeSpan.FromMinutes(31));
        Assert.Single(scenario.Since(scenario.Runtime.Application.Intents(Watch.Late), fromStart: true));
    }

    private static Scenario All(Scenario scenario) =>
        scenario
            .Given([.. Ids.Select(id => Insert(new OrderRow(id, "open")))])
            .Given([.. Ids.Select(id => Insert(new LineRow(id, 1, "pen")))]);

    private static void Commit(IAppender appender, ITransaction transaction) =>
        appender.CommitAsync(transaction, durable: true, CancellationToken.None).AsTask().GetAwaiter().GetResult();

    private static byte[] Key(long id) => Encoding.UTF8.GetBytes($"{id}");

    private static int Partition(Scenario scenario, long id) => scenario.Runtime.Application.Map.PartitionOf(Key(id));
}

/// <summary>Every other rule holds while partitions are added, before each of the first source transactions.</summary>
public sealed class OncePerPositionWhileGrowing : OncePerPosition
{
    public OncePerPositionWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class MovesWhileGrowing : Moves
{
    public MovesWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class ReplaceIsUpdateWhileGrowing : ReplaceIsUpdate
{
    public ReplaceIsUpdateWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class CascadesWhileGrowing : Cascades
{
    public CascadesWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class ReferencesHoldWhileGrowing : ReferencesHold
{
    public ReferencesHoldWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class OrphansHaveAPolicyWhileGrowing : OrphansHaveAPolicy
{
    public OrphansHaveAPolicyWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class OutcomeInTheLogWhileGrowing : OutcomeInTheLog
{
    public OutcomeInTheLogWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class SnapshotIsNotNewsWhileGrowing : SnapshotIsNotNews
{
    public SnapshotIsNotNewsWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class StableIdsWhileGrowing : StableIds
{
    public StableIdsWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class SweepWhatWasNotShownWhileGrowing : SweepWhatWasNotShown
{
    public SweepWhatWasNotShownWhileGrowing() => Grow.Often();
}

/// <inheritdoc cref="OncePerPositionWhileGrowing"/>
public sealed class TimeWhileGrowing : Time
{
    public TimeWhileGrowing() => Grow.Often();
}

internal static class Grow
{
    /// <summary>Scenarios of this test get partitions until each entity has been moved: the last number is that of all slots.</summary>
    public static void Often() => Scenario.Growth.Value = [0, 7, 11, 1024];
}
