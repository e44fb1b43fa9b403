using System.Text.Json.Serialization;
using Millrace.Engines;
using Millrace.Sources;
using static Millrace.Tests.Deciding.ShopBatch;

namespace Millrace.Tests.Deciding;

public sealed record CartTotal(int Lines, long Amount);

public sealed record CartLoad(int Lines);

[JsonSerializable(typeof(CartTotal))]
[JsonSerializable(typeof(CartLoad))]
public sealed partial class CartTotalsJson : JsonSerializerContext;

/// <summary>A change of one child costs what it costs, however many children there are: counted in calls to the engine, not in time.</summary>
public sealed class ManyChildrenTests
{
    private const int Few = 10;
    private const int Many = 100_000;

    /// <summary>Ids begin where all of them have as many digits, so that bytes can be compared too.</summary>
    private const int First = 1_000_000;

    private static readonly View<CartTotal> Totals = View.Named("totals")
        .Of(Cart.Definition)
        .PerEntity()
        .Document<CartTotal>(
            (total, e, _) =>
                e switch
                {
                    CartEvent.Started => new CartTotal(0, 0),
                    CartEvent.Added added => new CartTotal(total!.Lines + 1, total.Amount + added.Amount),
                    CartEvent.Removed => total! with { Lines = total.Lines - 1 },
                    CartEvent.Ended => null,
                    _ => total,
                }
        )
        .Index(new ViewIndex<CartTotal, int>("by-lines", total => total.Lines));

    private static readonly Reaction Overload = Reaction
        .Named("overload")
        .Of(Cart.Definition)
        .PerEntity()
        .State(new CartLoad(0))
        .React(
            (load, e, context) =>
                e is CartEvent.Added
                    ? Then.Keep(new CartLoad(load.Lines + 1)).At(context.Time.AddHours(1), "idle", new Alert("nothing came for an hour"))
                    : load
        );

    private static readonly Reaction OfAll = Reaction
        .Named("of-all")
        .Of(Cart.Definition)
        .KeyedBy((CartEvent.Added _) => "all")
        .State(new CartLoad(0))
        .React((load, _, _) => new CartLoad(load.Lines + 1));

    private static readonly Topology Chain = Topology
        .Named("shop")
        .Json(ShopJson.Default)
        .Json(CartTotalsJson.Default)
        .Add(Cart.Definition)
        .Add(Totals)
        .Add(Overload)
        .Add(OfAll);

    [Fact]
    public async Task A_change_of_one_child_among_100000_costs_what_it_costs_among_10()
    {
        var (few, ofFew) = await CostsAsync(Few);
        var (many, ofMany) = await CostsAsync(Many);
        Assert.Equal(Few + 1, ofFew);
        Assert.Equal(Many + 1, ofMany);
        foreach (var (step, cost) in few)
        {
            // Counters are written as text here and there, and 100,000 has more digits than 10.
            Assert.InRange(many[step].Bytes, cost.Bytes, cost.Bytes + 100);
            Assert.Equal((step, cost with { Bytes = 0 }), (step, many[step] with { Bytes = 0 }));
        }
    }

    /// <summary>What each step on a cart with so many lines costs, and how many lines the view says it has at the end.</summary>
    private static async Task<(Dictionary<string, Cost> Costs, int Lines)> CostsAsync(int lines)
    {
        var cost = new Cost();
        await using var shop = new ShopFloor(topology: Chain, watched: group => Metered.Group(group, cost));
        shop.Transaction(t => t.Insert("shelves", Shelf(1)));
        shop.Transaction(t => t.Insert("carts", Cart(7)));
        for (var line = 0; line < lines; )
        {
            shop.Raw(
                (batch, tables) =>
                {
                    for (var end = Math.Min(lines, line + 1_000); line < end; line++)
                    {
                        batch.BeginTransaction(
                            System.Text.Encoding.UTF8.GetBytes($"tx-{First + line}"),
                            new SourcePosition(1, 2, First + line),
                            1_000_000L * First
                        );
                        new ShopBatch(batch, tables).Insert("lines", Line(First + line, 7));
                        batch.End();
                    }
                }
            );
        }
        var costs = new Dictionary<string, Cost>();
        var place = 2 * First;
        Step("insert", t => t.Insert("lines", Line(place, 7)));
        Step("update", t => t.Update("lines", Line(First + 3, 7), Line(First + 3, 7, 5)));
        Step("the same again", t => t.Update("lines", Line(First + 3, 7), Line(First + 3, 7, 5)));
        Step("root", t => t.Update("carts", Cart(7), Cart(7, status: "full")));
        Step("delete", t => t.Delete("lines", Line(First + 4, 7)));
        // An update of a line is an addition to this view, which asks for no more than the event says.
        return (costs, shop.Runtime.View<CartTotal>().Get("7")!.Lines);

        void Step(string name, Action<ShopBatch> changes)
        {
            var before = cost with { };
            shop.Transaction(changes, new SourcePosition(1, 3, ++place));
            costs[name] = new Cost
            {
                Reads = cost.Reads - before.Reads,
                Steps = cost.Steps - before.Steps,
                Writes = cost.Writes - before.Writes,
                Appends = cost.Appends - before.Appends,
                Bytes = cost.Bytes - before.Bytes,
            };
        }
    }
}
