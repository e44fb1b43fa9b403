using System.Text.Json.Serialization;

namespace Millrace.Tests.Deciding;

[Row("carts")]
public sealed partial record CartRow([Key] long Id, string Name, string Status, [References<ShelfRow>] long ShelfId);

[Row("lines")]
public sealed partial record LineRow([Key] long Id, [ChildOf<CartRow>] long? CartId, int Amount);

[Row("shelves")]
public sealed partial record ShelfRow([Key] long Id, string Label);

[JsonDerivedType(typeof(Started), "started")]
[JsonDerivedType(typeof(Added), "added")]
[JsonDerivedType(typeof(Changed), "changed")]
[JsonDerivedType(typeof(Removed), "removed")]
[JsonDerivedType(typeof(Ended), "ended")]
[JsonDerivedType(typeof(Praised), "praised")]
public abstract record CartEvent
{
    private CartEvent() { }

    public sealed record Started(string Name, string Shelf, int Lines, bool Snapshot) : CartEvent;

    public sealed record Added(long Line, int Amount, ChangeKind Kind) : CartEvent;

    public sealed record Changed(string From, string To) : CartEvent;

    public sealed record Removed(long Line, ChangeKind Kind) : CartEvent;

    public sealed record Ended(ChangeKind Kind) : CartEvent;

    public sealed record Praised(int Times) : CartEvent;
}

[JsonDerivedType(typeof(Praise), "praise")]
[JsonDerivedType(typeof(Break), "break")]
public abstract record CartCommand : ICommand<CartEvent>
{
    private CartCommand() { }

    public sealed record Praise(int AtMost) : CartCommand;

    public sealed record Break : CartCommand;
}

public sealed record CartState(int Praises = 0);

public static class Cart
{
    public static readonly AggregateBuilder<CartRow, CartState, CartEvent> Definition = Aggregate
        .Named("cart")
        .Root<CartRow>()
        .Publishes<CartEvent>()
        .State(new CartState(), Evolve)
        .OnChange<CartRow>(Decide)
        .OnChange<LineRow>(Decide)
        .Reference<ShelfRow>()
        .OnCommand<CartCommand>(Decide);

    private static IEnumerable<CartEvent> Decide(CartState state, Change<CartRow> change, Context<CartRow> context)
    {
        if (change is (null, { } row))
        {
            var shelf = context.Reference<ShelfRow>(row.ShelfId)!;
            yield return new CartEvent.Started(row.Name, shelf.Label, context.Children<LineRow>().Count, context.IsSnapshot);
        }
        if (change is ({ } was, { } now))
        {
            if (now.Status == "poison")
            {
                throw new InvalidOperationException("poisoned");
            }
            yield return new CartEvent.Changed(was.Status, now.Status);
        }
        if (change is (_, null))
        {
            yield return new CartEvent.Ended(change.Kind);
        }
    }

    private static IEnumerable<CartEvent> Decide(CartState state, Change<LineRow> change, Context<CartRow> context)
    {
        yield return change is (_, { } line)
            ? new CartEvent.Added(line.Id, line.Amount, change.Kind)
            : new CartEvent.Removed(change.Before!.Id, change.Kind);
    }

    private static Decision<CartEvent> Decide(CartState state, CartCommand command, Context<CartRow> context) =>
        command switch
        {
            CartCommand.Praise p when state.Praises >= p.AtMost => Decision.Reject("Enough."),
            CartCommand.Praise => [new CartEvent.Praised(state.Praises + 1)],
            CartCommand.Break => throw new InvalidOperationException("broken"),
            _ => throw new System.Diagnostics.UnreachableException(),
        };

    private static CartState Evolve(CartState state, CartEvent e, Context context) =>
        e is CartEvent.Praised p ? state with { Praises = p.Times } : state;
}

[JsonSerializable(typeof(CartEvent))]
[JsonSerializable(typeof(CartCommand))]
[JsonSerializable(typeof(CartState))]
public sealed partial class ShopJson : JsonSerializerContext;

public static class Shop
{
    public static readonly Topology Topology = Topology.Named("shop").Json(ShopJson.Default).Add(Cart.Definition);
}
