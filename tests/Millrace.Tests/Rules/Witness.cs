using System.Globalization;
using System.Text.Json.Serialization;

namespace Millrace.Tests.Rules;

[Row("orders")]
public sealed partial record OrderRow([Key] long Id, string Status, string? Note = null, [OccurredAt] DateTimeOffset? UpdatedAt = null);

[Row("lines")]
public sealed partial record LineRow([Key, ChildOf<OrderRow>] long OrderId, [Key] int Number, string Sku);

[Row("remarks")]
public sealed partial record RemarkRow([Key] long Id, [ChildOf<OrderRow>] long? OrderId, string Text);

/// <summary>What a decision was told, in one line: the events of an aggregate that says everything it sees.</summary>
[JsonDerivedType(typeof(Saw), "saw")]
public abstract record Seen
{
    private Seen() { }

    public sealed record Saw(string What) : Seen;
}

[JsonDerivedType(typeof(Say), "say")]
public abstract record Saying : ICommand<Seen>
{
    private Saying() { }

    public sealed record Say(string What) : Saying;
}

public sealed record Told(int Times = 0);

/// <summary>An aggregate that publishes what each of its decisions saw, so that a rule is checked by what a user's decision would see.</summary>
public static class Witness
{
    public static readonly AggregateBuilder<OrderRow, Told, Seen> Order = Aggregate
        .Named("order")
        .Root<OrderRow>()
        .Publishes<Seen>()
        .State(new Told(), (state, _, _) => new Told(state.Times + 1))
        .OnChange<OrderRow>(
            (state, change, context) =>
                change.Before?.Status == "poison" || change.After?.Status == "poison"
                    ? throw new InvalidOperationException("poisoned")
                    : [See("order", change.Kind, Text(change.Before), Text(change.After), context)]
        )
        .OnChange<LineRow>((state, change, context) => [See("line", change.Kind, Text(change.Before), Text(change.After), context)])
        .OnChange<RemarkRow>((state, change, context) => [See("remark", change.Kind, change.Before?.Text, change.After?.Text, context)])
        .OnCommand<Saying>(Decide);

    public static readonly Topology Orders = Topology.Named("witness").Json(WitnessJson.Default).Add(Order);

    public static Seen.Saw Saw(string what) => new(what);

    private static Decision<Seen> Decide(Told state, Saying command, Context<OrderRow> context) =>
        command switch
        {
            Saying.Say { What: "no" } => Decision.Reject("I will not say no."),
            Saying.Say(var what) => [new Seen.Saw(string.Create(CultureInfo.InvariantCulture, $"{what} after {state.Times}"))],
            _ => throw new System.Diagnostics.UnreachableException(),
        };

    private static Seen.Saw See(string row, ChangeKind kind, string? before, string? after, Context<OrderRow> context)
    {
        var lines = context.Children<LineRow>().Count;
        var snapshot = context.IsSnapshot ? ", snapshot" : "";
        return new(
            string.Create(CultureInfo.InvariantCulture, $"{row} {kind}: {before ?? "-"} -> {after ?? "-"} ({lines} lines{snapshot})")
        );
    }

    private static string? Text(OrderRow? row) =>
        row is null ? null
        : row.Note is null ? row.Status
        : $"{row.Status}/{row.Note}";

    private static string? Text(LineRow? row) =>
        row is null ? null : string.Create(CultureInfo.InvariantCulture, $"{row.Number}={row.Sku}");
}

[JsonSerializable(typeof(Seen))]
[JsonSerializable(typeof(Saying))]
[JsonSerializable(typeof(Told))]
public sealed partial class WitnessJson : JsonSerializerContext;
