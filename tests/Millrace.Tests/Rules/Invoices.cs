using System.Text.Json.Serialization;

namespace Millrace.Tests.Rules;

[Row("customers")]
public sealed partial record CustomerRow([Key] long Id, string Name);

[Row("invoices")]
public sealed partial record InvoiceRow(
    [Key] long Id,
    [References<CustomerRow>] long CustomerId,
    [References<CustomerRow>] long? PayerId,
    string Text
);

[JsonDerivedType(typeof(Sent), "sent")]
public abstract record InvoiceEvent
{
    private InvoiceEvent() { }

    public sealed record Sent(string Text, string? To) : InvoiceEvent;
}

public sealed record InvoiceState;

/// <summary>An aggregate that cannot decide without another table's rows.</summary>
public static class Invoice
{
    public static readonly AggregateBuilder<InvoiceRow, InvoiceState, InvoiceEvent> Definition = Aggregate
        .Named("invoice")
        .Root<InvoiceRow>()
        .Publishes<InvoiceEvent>()
        .State(new InvoiceState(), (state, _, _) => state)
        .OnChange<InvoiceRow>(
            (_, change, context) =>
                change is (_, { } row) ? [new InvoiceEvent.Sent(row.Text, context.Reference<CustomerRow>(row.CustomerId)?.Name)] : []
        )
        .Reference<CustomerRow>();

    public static readonly Topology Invoices = Topology.Named("invoices").Json(InvoiceJson.Default).Add(Definition);

    public static InvoiceEvent.Sent Sent(string text, string? to) => new(text, to);
}

[JsonSerializable(typeof(InvoiceEvent))]
[JsonSerializable(typeof(InvoiceState))]
public sealed partial class InvoiceJson : JsonSerializerContext;
