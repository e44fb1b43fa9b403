// What the analyzer would name at build time is what the check at start must name, too.
#pragma warning disable MILL302
using System.Text.Json.Serialization;
using Millrace.Parcels;

namespace Millrace.Hosting.Tests;

[JsonDerivedType(typeof(Named), "thing-named")]
[JsonDerivedType(typeof(Numbered), 2)]
[JsonDerivedType(typeof(Blank))]
[JsonDerivedType(typeof(Again), "thing-named")]
public abstract record ThingEvent
{
    public sealed record Named : ThingEvent;

    public sealed record Numbered : ThingEvent;

    public sealed record Blank : ThingEvent;

    public sealed record Again : ThingEvent;

    public sealed record Forgotten : ThingEvent;
}

[Row("crates")]
public sealed partial record CrateRow([Key] long Id);

[Row("boxes")]
public sealed partial record BoxRow([Key] long Id, [ChildOf<CrateRow>] long CrateId);

/// <summary>A message that no context knows.</summary>
public sealed record Unknown;

[JsonSerializable(typeof(ThingEvent))]
public sealed partial class ThingJson : JsonSerializerContext;

public sealed class TopologyCheckTests
{
    [Fact]
    public void A_sound_topology_has_no_problems() => Assert.Empty(TopologyCheck.Problems(PostOffice.Topology));

    [Fact]
    public void Every_type_without_JSON_is_listed_at_once()
    {
        var aggregate = Aggregate.Named("box").Root<BoxRow>().Publishes<Unknown>().State(new Whereabouts("", null), (state, _, _) => state);

        var problems = TopologyCheck.Problems(Topology.Named("shed").Add(aggregate).Add(Board.Definition).Intent<Shout>("shout"));

        Assert.Equal(
            [
                "The view \"whereabouts\" is of the aggregate \"parcel\", which the topology does not have: add it too.",
                Missing("The state of the aggregate \"box\", Whereabouts", "Whereabouts"),
                Missing("The event type of the aggregate \"box\", Unknown", "Unknown"),
                Missing("The document of the view \"whereabouts\", Whereabouts", "Whereabouts"),
                Missing("The intent \"shout\", TopologyCheckTests.Shout", "Shout"),
            ],
            problems
        );

        static string Missing(string what, string type) =>
            $"{what}, is not known to the JSON context: add [JsonSerializable(typeof({type}))] to a context given to Topology.Json.";
    }

    [Fact]
    public void Discriminators_are_strings_distinct_and_complete()
    {
        var aggregate = Aggregate.Named("box").Root<BoxRow>().Publishes<ThingEvent>().State(new Alert(""), (state, _, _) => state);

        var problems = TopologyCheck.Problems(Topology.Named("shed").Json(ThingJson.Default).Add(aggregate));

        Assert.Equal(
            [
                "ThingEvent.Numbered has a number as its discriminator: give its [JsonDerivedType] a string, its durable name.",
                "ThingEvent.Blank has no discriminator: give its [JsonDerivedType] a string, its durable name.",
                "The event type of the aggregate \"box\", ThingEvent, has the discriminator \"thing-named\" twice: a durable name is one type's.",
                "ThingEvent.Forgotten has no durable name: put [JsonDerivedType(typeof(Forgotten), \"durable-name\")] on ThingEvent.",
            ],
            problems
        );
    }

    [Fact]
    public void Names_and_types_that_two_have_are_refused()
    {
        var again = Aggregate.Named("parcel").Root<ParcelRow>().Publishes<ParcelEvent>().State(new ParcelState(), (state, _, _) => state);

        var problems = TopologyCheck.Problems(PostOffice.Topology.Add(again).Add(Promised.Lost).Intent<Alert>("alert"));

        Assert.Contains("Two aggregates are named \"parcel\": give one another name.", problems);
        Assert.Contains("Two views or reactions are named \"parcel-late\": give one another name.", problems);
        Assert.Contains("Two intents are named \"alert\": give one another name (\"alert\" and \"webhook\" are taken).", problems);
        Assert.Contains(problems, problem => problem.StartsWith("Two aggregates publish ParcelEvent", StringComparison.Ordinal));
    }

    private sealed record Shout : IIntent;
}
