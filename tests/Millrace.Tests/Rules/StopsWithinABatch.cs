using System.Text.Json.Serialization;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Rules;

/// <summary>
/// A group that is stopped in the middle of a long batch ends at the next record, or within one command at the next decision: the transaction is
/// dropped, nothing is parked, and the next start does the batch again.
/// </summary>
public sealed class StopsWithinABatch : IDisposable
{
    private const int Many = 200;
    private static int _seen;
    private static CancellationTokenSource? _stop;

    private static readonly AggregateBuilder<OrderRow, Told, Seen> Slow = Aggregate
        .Named("order")
        .Root<OrderRow>()
        .Publishes<Seen>()
        .State(new Told(), (state, _, _) => state)
        .OnChange<OrderRow>((_, change, _) => [Look("order", change.Kind)])
        .OnChange<LineRow>((_, change, _) => [Look("line", change.Kind)]);

    private static readonly View<SlowDocument> View = Millrace
        .View.Named("slow")
        .Of(Slow)
        .PerEntity()
        .Document<SlowDocument>(
            (_, _, _) =>
            {
                Look("view", default);
                return new SlowDocument(1);
            }
        );

    private static readonly View<SlowWord> Words = Millrace
        .View.Named("words")
        .Of(Slow)
        .KeyedBy(
            (_, _) =>
            {
                Look("key", default);
                return null;
            }
        )
        .Document<SlowWord>((_, _, _) => new SlowWord(1));

    private static readonly Reaction Reaction = Millrace
        .Reaction.Named("echo")
        .Of(Slow)
        .PerEntity()
        .State(new Told())
        .React(
            (told, _, _) =>
            {
                Look("reaction", default);
                return Then.Keep(told);
            }
        );

    private static readonly Topology Base = Topology.Named("slow").Json(WitnessJson.Default).Json(SlowJson.Default).Add(Slow);

    private readonly CancellationTokenSource _source = new();

    public void Dispose()
    {
        _stop = null;
        _source.Dispose();
    }

    [Fact]
    public async Task Deciding_many_commands()
    {
        var scenario = Scenario.Of(Base, partitions: 1);
        for (var id = 1; id <= Many; id++)
        {
            await Write(scenario, Insert(new OrderRow(id, "open")));
        }
        await StopAtTheThird(scenario, scenario.Runtime.Application.DecideGroup(Slow));
    }

    [Fact]
    public async Task Deciding_one_command_of_many_rows()
    {
        var scenario = Scenario.Of(Base, partitions: 1);
        var lines = Enumerable.Range(1, Many).Select(number => Insert(new LineRow(1, number, "book")));
        await Write(scenario, [.. lines, Insert(new OrderRow(1, "open"))]);
        await StopAtTheThird(scenario, scenario.Runtime.Application.DecideGroup(Slow));
    }

    [Fact]
    public async Task Applying_a_view()
    {
        var scenario = Decided(Base.Add(View));
        await StopAtTheThird(scenario, scenario.Runtime.Application.ViewGroup(View));
    }

    [Fact]
    public async Task Carrying_events_to_their_keys()
    {
        var scenario = Decided(Base.Add(Words));
        await StopAtTheThird(scenario, scenario.Runtime.Application.RouteGroup(Words.Name));
    }

    [Fact]
    public async Task Reacting()
    {
        var scenario = Decided(Base.Add(Reaction));
        await StopAtTheThird(scenario, scenario.Runtime.Application.ReactionGroup(Reaction));
    }

    /// <summary>Everything is decided and nothing below has run.</summary>
    private static Scenario Decided(Topology topology)
    {
        var scenario = Scenario.Of(topology, partitions: 1);
        for (var id = 1; id <= Many; id++)
        {
            Write(scenario, Insert(new OrderRow(id, "open"))).AsTask().Wait();
        }
        while (scenario.Engine.Step(scenario.Runtime.Groups[0])) { }
        return scenario;
    }

    private static ValueTask Write(Scenario scenario, params RowOp[] rows) =>
        scenario.Binlog.WriteAsync([.. rows.SelectMany(scenario.Monolith.Do)], scenario.Now, TestContext.Current.CancellationToken);

    private async Task StopAtTheThird(Scenario scenario, string name)
    {
        var group = scenario.Runtime.Groups.Single(group => group.Name == name);
        var input = new TopicPartition(group.Inputs[0], 0);
        var before = scenario.Engine.CommittedOffset(name, input);
        _seen = 0;
        _stop = _source;
        await scenario.Engine.RunAsync(group, _source.Token).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Equal(3, _seen);
        Assert.Equal(before, scenario.Engine.CommittedOffset(name, input));
        _stop = null;
        scenario.Settle();
        Assert.Empty(scenario.Runtime.Held());
        Assert.True(_seen >= 3 + Many);
    }

    private static Seen.Saw Look(string what, ChangeKind kind)
    {
        if (++_seen == 3)
        {
            _stop?.Cancel();
        }
        return new Seen.Saw($"{what} {kind}");
    }
}

public sealed record SlowDocument(int Times);

public sealed record SlowWord(int Times);

[JsonSerializable(typeof(SlowDocument))]
[JsonSerializable(typeof(SlowWord))]
public sealed partial class SlowJson : JsonSerializerContext;
