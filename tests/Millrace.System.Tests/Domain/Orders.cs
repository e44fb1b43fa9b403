using System.Text.Json.Serialization;

namespace Millrace.SystemTests.Domain;

// A schema that is not friendly: composite keys, nullable foreign keys, cascades, a required reference, decimals, zero dates.

[Row("orders")]
public sealed partial record OrderRow(
    [Key] string Region,
    [Key] int No,
    string Status,
    decimal Discount,
    [References<ProductRow>] long ProductId,
    DateTime? PlacedAt
);

[Row("order_lines")]
public sealed partial record LineRow(
    [Key] long Id,
    [ChildOf<OrderRow>] string? OrderRegion,
    [ChildOf<OrderRow>] int? OrderNo,
    int Quantity,
    decimal Price
);

[Row("order_notes")]
public sealed partial record NoteRow(
    [Key, ChildOf<OrderRow>] string OrderRegion,
    [Key, ChildOf<OrderRow>] int OrderNo,
    [Key] int Seq,
    string Body
);

[Row("products")]
public sealed partial record ProductRow([Key] long Id, string Name);

[JsonDerivedType(typeof(Placed), "order-placed")]
[JsonDerivedType(typeof(Imported), "order-imported")]
[JsonDerivedType(typeof(Progressed), "order-progressed")]
[JsonDerivedType(typeof(Discounted), "order-discounted")]
[JsonDerivedType(typeof(Gone), "order-gone")]
[JsonDerivedType(typeof(LineAdded), "line-added")]
[JsonDerivedType(typeof(LineChanged), "line-changed")]
[JsonDerivedType(typeof(LineRemoved), "line-removed")]
[JsonDerivedType(typeof(NoteAdded), "note-added")]
[JsonDerivedType(typeof(NoteChanged), "note-changed")]
[JsonDerivedType(typeof(NoteRemoved), "note-removed")]
public abstract record OrderEvent
{
    private OrderEvent() { }

    public abstract record Begun(string Status, decimal Discount, string Product) : OrderEvent;

    public sealed record Placed(string Status, decimal Discount, string Product, int LinesWithIt) : Begun(Status, Discount, Product);

    public sealed record Imported(string Status, decimal Discount, string Product) : Begun(Status, Discount, Product);

    public sealed record Progressed(string From, string To) : OrderEvent;

    public sealed record Discounted(decimal From, decimal To) : OrderEvent;

    public sealed record Gone(ChangeKind Kind) : OrderEvent;

    public sealed record LineAdded(long Id, decimal Amount, ChangeKind Kind) : OrderEvent;

    public sealed record LineChanged(long Id, decimal From, decimal To) : OrderEvent;

    public sealed record LineRemoved(long Id, decimal Amount, ChangeKind Kind) : OrderEvent;

    public sealed record NoteAdded(int Seq, string Body) : OrderEvent;

    public sealed record NoteChanged(int Seq, string Body) : OrderEvent;

    public sealed record NoteRemoved(int Seq) : OrderEvent;
}

public sealed record OrderState(bool Ended = false);

public static class Order
{
    public static readonly Aggregate<OrderEvent> Definition = Aggregate
        .Named("order")
        .Root<OrderRow>()
        .Publishes<OrderEvent>()
        .State(new OrderState(), (state, e, _) => e is OrderEvent.Gone ? new OrderState(Ended: true) : state)
        .OnChange<OrderRow>(Decide)
        .OnChange<LineRow>(Decide)
        .OnChange<NoteRow>(Decide)
        .Reference<ProductRow>();

    private static IEnumerable<OrderEvent> Decide(OrderState state, Change<OrderRow> change, Context<OrderRow> context)
    {
        switch (change)
        {
            case (null, { } now):
                var product = context.Reference<ProductRow>(now.ProductId)!.Name;
                yield return context.IsSnapshot
                    ? new OrderEvent.Imported(now.Status, now.Discount, product)
                    : new OrderEvent.Placed(now.Status, now.Discount, product, context.Children<LineRow>().Count);
                break;
            case ({ } was, { } now):
                if (was.Status != now.Status)
                    yield return new OrderEvent.Progressed(was.Status, now.Status);
                if (was.Discount != now.Discount)
                    yield return new OrderEvent.Discounted(was.Discount, now.Discount);
                break;
            default:
                yield return new OrderEvent.Gone(change.Kind);
                break;
        }
    }

    private static IEnumerable<OrderEvent> Decide(OrderState state, Change<LineRow> change, Context<OrderRow> context)
    {
        if (state.Ended)
            return [];
        return change switch
        {
            (null, { } now) => [new OrderEvent.LineAdded(now.Id, now.Quantity * now.Price, change.Kind)],
            ({ } was, { } now) => [new OrderEvent.LineChanged(now.Id, was.Quantity * was.Price, now.Quantity * now.Price)],
            ({ } was, _) => [new OrderEvent.LineRemoved(was.Id, was.Quantity * was.Price, change.Kind)],
            _ => [],
        };
    }

    private static IEnumerable<OrderEvent> Decide(OrderState state, Change<NoteRow> change, Context<OrderRow> context)
    {
        if (state.Ended)
            return [];
        return change switch
        {
            (null, { } now) => [new OrderEvent.NoteAdded(now.Seq, now.Body)],
            ({ } was, null) => [new OrderEvent.NoteRemoved(was.Seq)],
            (_, { } now) => [new OrderEvent.NoteChanged(now.Seq, now.Body)],
            _ => [],
        };
    }
}

/// <summary>What SQL can say of an order as well, counted from events alone.</summary>
public sealed record OrderSummary(string Status, decimal Discount, int Lines, decimal Amount, int Notes);

public static class Summaries
{
    public static readonly View<OrderSummary> Definition = View.Named("order-summaries")
        .Of(Order.Definition)
        .PerEntity()
        .Document<OrderSummary>(Apply);

    private static OrderSummary? Apply(OrderSummary? was, OrderEvent e, Context context) =>
        (e, was) switch
        {
            (OrderEvent.Begun begun, _) => new OrderSummary(begun.Status, begun.Discount, 0, 0, 0),
            (_, null) => throw new InvalidOperationException($"{context.EntityId}: {e} before it was placed."),
            (OrderEvent.Progressed p, _) => was with { Status = p.To },
            (OrderEvent.Discounted d, _) => was with { Discount = d.To },
            (OrderEvent.LineAdded l, _) => was with { Lines = was.Lines + 1, Amount = was.Amount + l.Amount },
            (OrderEvent.LineChanged l, _) => was with { Amount = was.Amount - l.From + l.To },
            (OrderEvent.LineRemoved l, _) => was with { Lines = was.Lines - 1, Amount = was.Amount - l.Amount },
            (OrderEvent.NoteAdded, _) => was with { Notes = was.Notes + 1 },
            (OrderEvent.NoteRemoved, _) => was with { Notes = was.Notes - 1 },
            (OrderEvent.Gone, _) => null,
            _ => was,
        };
}

[JsonSerializable(typeof(OrderEvent))]
[JsonSerializable(typeof(OrderState))]
[JsonSerializable(typeof(OrderSummary))]
public sealed partial class OrdersJson : JsonSerializerContext;

public static class Orders
{
    public static readonly Topology Topology = Topology
        .Named("orders")
        .Json(OrdersJson.Default)
        .Add(Order.Definition)
        .Add(Summaries.Definition);

    /// <summary>The tables, for MariaDB and MySQL alike.</summary>
    public const string Schema = """
        CREATE TABLE products (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(60) NOT NULL);
        CREATE TABLE orders (
            region CHAR(4) NOT NULL, no INT NOT NULL, status ENUM('new','paid','sent') NOT NULL DEFAULT 'new',
            discount DECIMAL(12,4) NOT NULL DEFAULT 0, product_id BIGINT UNSIGNED NOT NULL, placed_at DATETIME(6) NULL,
            blob_nobody_maps BLOB NULL, remark TEXT CHARACTER SET latin1 NULL,
            PRIMARY KEY (region, no), CONSTRAINT orders_product FOREIGN KEY (product_id) REFERENCES products (id));
        CREATE TABLE order_lines (
            id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, order_region CHAR(4) NULL, order_no INT NULL,
            quantity SMALLINT NOT NULL, price DECIMAL(10,2) NOT NULL,
            CONSTRAINT lines_order FOREIGN KEY (order_region, order_no) REFERENCES orders (region, no) ON DELETE CASCADE);
        CREATE TABLE order_notes (
            order_region CHAR(4) NOT NULL, order_no INT NOT NULL, seq INT NOT NULL, body VARCHAR(200) NOT NULL,
            PRIMARY KEY (order_region, order_no, seq),
            CONSTRAINT notes_order FOREIGN KEY (order_region, order_no) REFERENCES orders (region, no) ON DELETE CASCADE);
        """;

    /// <summary>How many rows have a parent that is not there, by SQL.</summary>
    public const string Orphans = """
        SELECT (SELECT COUNT(*) FROM order_lines l WHERE l.order_region IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.region = l.order_region AND o.no = l.order_no))
             + (SELECT COUNT(*) FROM order_notes n
                    WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.region = n.order_region AND o.no = n.order_no))
        """;

    /// <summary>What every summary must be, by SQL.</summary>
    public const string Expected = """
        SELECT CONCAT(o.region, ',', o.no), o.status, o.discount,
            (SELECT COUNT(*) FROM order_lines l WHERE l.order_region = o.region AND l.order_no = o.no),
            (SELECT COALESCE(SUM(l.quantity * l.price), 0) FROM order_lines l WHERE l.order_region = o.region AND l.order_no = o.no),
            (SELECT COUNT(*) FROM order_notes n WHERE n.order_region = o.region AND n.order_no = o.no)
        FROM orders o ORDER BY 1
        """;
}
