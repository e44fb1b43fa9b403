using System.Text;
using System.Text.Json.Serialization;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>
/// What an operator does with what a view or a reaction parked is a record in the command log, which Decide and routers pass on to whoever has
/// the key; so it is done wherever that runs, and a replay does it at the same place.
/// </summary>
public sealed class DeedsAreRecorded : IDisposable
{
    private static bool _cursed;

    private static readonly View<SaidDocument> Said = View.Named("said")
        .Of(Order)
        .PerEntity()
        .Document<SaidDocument>((document, e, _) => Curse("view", e) ? null! : new SaidDocument((document?.Times ?? 0) + 1));

    private static readonly View<WordDocument> Words = View.Named("words")
        .Of(Order)
        .KeyedBy((e, _) => Curse("key", e) ? null : Word(e))
        .Document<WordDocument>((document, e, _) => Curse("word", e) ? null! : new WordDocument((document?.Times ?? 0) + 1));

    private static readonly Reaction Echo = Reaction
        .Named("echo")
        .Of(Order)
        .KeyedBy((Seen.Saw e) => Word(e))
        .State(new Told())
        .React((told, e, c) => Curse("echo", e) ? Then.Forget : Then.Keep(new Told(told.Times + 1)).Do(new Alert($"{c.Key} {told.Times}")));

    private static readonly Topology Topology = Orders.Json(SaidJson.Default).Add(Said).Add(Words).Add(Echo);

    public DeedsAreRecorded() => _cursed = true;

    public void Dispose() => _cursed = true;

    [Theory]
    [InlineData("said", "view", "8")]
    [InlineData("words", "word", "a")]
    [InlineData("words", "key", "8")]
    [InlineData("echo", "echo", "a")]
    public async Task What_is_parked_below_the_event_log_is_retried_by_a_record(string stage, string where, string key)
    {
        var scenario = Cursed(where);
        var parked = Assert.Single(scenario.Runtime.Operations.Parked());
        Assert.Equal((stage, key), (parked.Aggregate, parked.Entity));

        await scenario.Runtime.Operator.RetryAsync(stage, key, parked.CommandId, "look again", "ann");
        scenario.Settle();
        Assert.Equal(parked, Assert.Single(scenario.Runtime.Operations.Parked()));

        _cursed = false;
        await scenario.Runtime.Operator.RetryAsync(stage, key, parked.CommandId, "mended", "ann");
        scenario.Settle();
        Assert.Empty(scenario.Runtime.Operations.Parked());
        Assert.Equal(new SaidDocument(4), scenario.Runtime.View<SaidDocument>().Get(8));
        Assert.Equal(new WordDocument(2), scenario.Runtime.View<WordDocument>().Get("a"));
        Assert.Equal(["a 0", "a 1", "b 0"], Alerts(scenario));
        Assert.Equal(
            [$$"""{"reason":"look again","by":"ann","of":"{{stage}}","at":"{{parked.CommandId}}"}"""],
            Deeds(scenario, "millrace.retry").Take(1)
        );
    }

    [Theory]
    [InlineData("said", "view", "8", 3, 2, new[] { "a 0", "a 1", "b 0" })]
    [InlineData("words", "word", "a", 4, 1, new[] { "a 0", "a 1", "b 0" })]
    [InlineData("words", "key", "8", 4, 1, new[] { "a 0", "a 1", "b 0" })]
    [InlineData("echo", "echo", "a", 4, 2, new[] { "a 0", "b 0" })]
    public async Task What_stands_first_is_skipped_and_what_waits_behind_goes_on(
        string stage,
        string where,
        string key,
        int said,
        int words,
        string[] alerts
    )
    {
        var scenario = Cursed(where);
        var parked = Assert.Single(scenario.Runtime.Operations.Parked());
        await scenario.Runtime.Operator.SkipAsync(stage, key, "something else", "it does not stand there", "ann");
        scenario.Settle();
        Assert.Equal(parked, Assert.Single(scenario.Runtime.Operations.Parked()));

        await scenario.Runtime.Operator.SkipAsync(stage, key, parked.CommandId, "nobody misses it", "ann");
        scenario.Settle();
        Assert.Empty(scenario.Runtime.Operations.Parked());
        Assert.Equal(new SaidDocument(said), scenario.Runtime.View<SaidDocument>().Get(8));
        Assert.Equal(new WordDocument(words), scenario.Runtime.View<WordDocument>().Get("a"));
        Assert.Equal(alerts, Alerts(scenario));
        Assert.Equal(2, Deeds(scenario, "millrace.skip").Count);
    }

    [Fact]
    public async Task A_deed_for_something_that_does_not_exist_is_refused()
    {
        var scenario = Scenario.Of(Topology);
        await Assert.ThrowsAsync<ArgumentException>(() => scenario.Runtime.Operator.RetryAsync("nobody", "7", null, "why not", null));
        await Assert.ThrowsAsync<ArgumentException>(() => scenario.Runtime.Operator.RetryAsync("said", "7", null, " ", null));
    }

    /// <summary>The first word "a" is cursed at one stage; another "a" and a "b" come behind it.</summary>
    private static Scenario Cursed(string where)
    {
        _cursed = true;
        var scenario = Scenario.Of(Topology, partitions: 4).Given(Insert(new OrderRow(8, "open")));
        scenario.When(8, new Saying.Say($"a {where}!")).When(8, new Saying.Say("a again")).When(8, new Saying.Say("b"));
        return scenario;
    }

    private static bool Curse(string where, Seen e) =>
        _cursed && e is Seen.Saw saw && saw.What.Contains($"{where}!", StringComparison.Ordinal)
            ? throw new InvalidOperationException("cursed")
            : false;

    private static string? Word(Seen e) => e is Seen.Saw saw && saw.What[1] == ' ' ? saw.What[..1] : null;

    private static List<string> Alerts(Scenario scenario) =>
        [
            .. scenario
                .Since(scenario.Runtime.Application.Intents(Echo), fromStart: true)
                .Select(intent => System.Text.Json.JsonDocument.Parse(intent.Value).RootElement.GetProperty("text").GetString()!)
                .Order(StringComparer.Ordinal),
        ];

    private static List<string> Deeds(Scenario scenario, string type)
    {
        var log = scenario.Runtime.Application.Commands(Order);
        var found = new List<string>();
        for (var partition = 0; partition < log.Partitions; partition++)
        {
            using var reader = scenario.Engine.Read(new TopicPartition(log, partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    if (Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.Type]) == type)
                    {
                        found.Add(Encoding.UTF8.GetString(record.Value.Span));
                    }
                }
            }
        }
        return found;
    }
}

public sealed record SaidDocument(int Times);

public sealed record WordDocument(int Times);

[JsonSerializable(typeof(SaidDocument))]
[JsonSerializable(typeof(WordDocument))]
public sealed partial class SaidJson : JsonSerializerContext;
