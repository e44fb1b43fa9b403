using System.Text.Json.Serialization;

namespace Millrace.Tests.Rules;

public sealed record Limits(int MoreThan = 2);

public sealed record Watching;

/// <summary>Reactions over the witness: an order that nobody has finished within 30 minutes, and many orders within an hour.</summary>
public static class Watch
{
    public static readonly Reaction Late = Reaction.Named("late").Of(Witness.Order).PerEntity().State(new Watching()).React(WhenLate);

    public static readonly Reaction Rush = Reaction
        .Named("rush")
        .Of(Witness.Order)
        .KeyedBy((Seen.Saw e) => e.What.StartsWith("order Inserted", StringComparison.Ordinal) ? "all" : null)
        .Settings<Limits>()
        .Sliding(TimeSpan.FromHours(1))
        .MoreThan(limits => limits.MoreThan, (count, context) => new Alert($"{count} orders within an hour"));

    public static readonly Topology Orders = Topology
        .Named("watch")
        .Json(WitnessJson.Default)
        .Json(WatchJson.Default)
        .Add(Witness.Order)
        .Add(Late)
        .Add(Rush);

    private static Then<Watching> WhenLate(Watching state, Seen e, ReactionContext<NoSettings> context) =>
        e switch
        {
            Seen.Saw(var what)
                when what.Contains("-> done", StringComparison.Ordinal) || what.StartsWith("line", StringComparison.Ordinal) => Then.Keep(
                    state
                )
                .Cancel("late"),
            Seen.Saw(var what) when what.StartsWith("order Inserted", StringComparison.Ordinal) => Then.Keep(state)
                .At(context.Time.AddMinutes(30), "late", new Alert($"Order {context.Key} is late")),
            _ => state,
        };
}

[JsonSerializable(typeof(Limits))]
[JsonSerializable(typeof(Watching))]
public sealed partial class WatchJson : JsonSerializerContext;
