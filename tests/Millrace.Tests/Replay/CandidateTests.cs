using System.Text.Json.Serialization;
using Millrace.Parcels;

namespace Millrace.Tests.Replay;

[Row("tags")]
public sealed partial record TagRow([Key] long Id, [ChildOf<NoteRow>] long NoteId);

[JsonDerivedType(typeof(Noted), "noted")]
[JsonDerivedType(typeof(Even), "even")]
[JsonDerivedType(typeof(Asked), "asked")]
[JsonDerivedType(typeof(Shouted), "shouted")]
public abstract record LoudEvent
{
    private LoudEvent() { }

    public sealed record Noted(long Value, int Nth) : LoudEvent;

    public sealed record Even(int Nth) : LoudEvent;

    public sealed record Asked(int Nth) : LoudEvent;

    public sealed record Shouted(long Value) : LoudEvent;
}

[JsonSerializable(typeof(LoudEvent))]
[JsonSerializable(typeof(NoteState))]
public sealed partial class LoudJson : JsonSerializerContext;

public sealed class CandidateTests
{
    private static readonly AggregateBuilder<NoteRow, NoteState, LoudEvent> Loud = Millrace
        .Aggregate.Named("note")
        .Root<NoteRow>()
        .Publishes<LoudEvent>()
        .State(new NoteState(), static (state, _, _) => state)
        .OnChange<NoteRow>(static (_, change, _) => change.After!.Value > 10 ? [new LoudEvent.Shouted(change.After.Value)] : []);

    private static readonly Topology Shouting = Topology.Named("notes").Json(LoudJson.Default).Add(Loud);

    [Fact]
    public async Task A_candidate_of_another_application_or_over_tables_that_are_not_captured_is_refused()
    {
        await using var engine = new InMemoryEngine();
        await using var room = await new Newsroom(engine, version: 0, candidate: null).StartAsync();

        var other = Assert.Throws<ReplayException>(() => room.Generations.Candidate = PostOffice.Topology);
        Assert.Equal("The candidate is the topology \"post\", and \"notes\" runs here.", other.Message);
        var wider = Assert.Throws<ReplayException>(() =>
            room.Generations.Candidate = Topology.Named("notes").Json(LoudJson.Default).Add(Loud.Child<TagRow>())
        );
        Assert.Equal(
            "The candidate maps tags, which the application does not capture: map it there first (without a decision), so that its rows are recorded.",
            wider.Message
        );
    }

    [Fact]
    public async Task A_generation_with_events_that_the_readers_do_not_know_is_not_promoted()
    {
        await using var engine = new InMemoryEngine();
        await using var room = await new Newsroom(engine, version: 0, candidate: null).StartAsync();
        room.Generations.Candidate = Shouting;
        await room.TellAsync(100);
        var shadow = (await room.Generations.StartAsync(100, null, null, Newsroom.Cancellation)).Number;
        await Newsroom.Until(() =>
            room.Generations.Status().Generations.All(generation => generation.Lag == 0 && generation.Faults.Count == 0)
        );

        var refused = await Assert.ThrowsAsync<ReplayException>(() =>
            room.Generations.PromoteAsync(shadow, false, "louder", null, Newsroom.Cancellation)
        );

        Assert.Contains("do not know the events note: shouted", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, room.Generations.Registry.Live);
    }
}
