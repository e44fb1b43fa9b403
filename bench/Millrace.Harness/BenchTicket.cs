using System.Text.Json.Serialization;

namespace Millrace.Harness;

/// <summary>The ticket of the peers' workload: one table, four events, a state with a version.</summary>
[Row("tickets")]
public sealed partial record BenchRow([Key] long TicketId, string Status, int Priority, string Assignee, string Subject, long UpdatedAt);

[JsonDerivedType(typeof(Created), "TicketCreated")]
[JsonDerivedType(typeof(StatusChanged), "TicketStatusChanged")]
[JsonDerivedType(typeof(PriorityChanged), "TicketPriorityChanged")]
[JsonDerivedType(typeof(Assigned), "TicketAssigned")]
public abstract record BenchEvent(long TicketId, int Version, string Status, int Priority, string Assignee, long At)
{
    public sealed record Created(long TicketId, int Version, string Status, int Priority, string Assignee, long At)
        : BenchEvent(TicketId, Version, Status, Priority, Assignee, At);

    public sealed record StatusChanged(long TicketId, int Version, string Status, int Priority, string Assignee, long At)
        : BenchEvent(TicketId, Version, Status, Priority, Assignee, At);

    public sealed record PriorityChanged(long TicketId, int Version, string Status, int Priority, string Assignee, long At)
        : BenchEvent(TicketId, Version, Status, Priority, Assignee, At);

    public sealed record Assigned(long TicketId, int Version, string Status, int Priority, string Assignee, long At)
        : BenchEvent(TicketId, Version, Status, Priority, Assignee, At);
}

public sealed record BenchState(int Version);

[JsonSerializable(typeof(BenchEvent))]
[JsonSerializable(typeof(BenchState))]
public sealed partial class BenchJson : JsonSerializerContext;

public static class BenchTicket
{
    public static readonly Aggregate<BenchEvent> Definition = Aggregate
        .Named("ticket")
        .Root<BenchRow>()
        .Publishes<BenchEvent>()
        .State(new BenchState(0), (state, _, _) => new BenchState(state.Version + 1))
        .OnChange<BenchRow>(Decide);

    public static readonly Topology Topology = Topology.Named("bench").Json(BenchJson.Default).Add(Definition);

    private static IEnumerable<BenchEvent> Decide(BenchState state, Change<BenchRow> change, Context<BenchRow> context)
    {
        if (change is not (var was, { } now))
        {
            return [];
        }
        var version = state.Version + 1;
        if (was is null)
        {
            return [new BenchEvent.Created(now.TicketId, version, now.Status, now.Priority, now.Assignee, now.UpdatedAt)];
        }
        if (was.Status != now.Status)
        {
            return [new BenchEvent.StatusChanged(now.TicketId, version, now.Status, now.Priority, now.Assignee, now.UpdatedAt)];
        }
        if (was.Priority != now.Priority)
        {
            return [new BenchEvent.PriorityChanged(now.TicketId, version, now.Status, now.Priority, now.Assignee, now.UpdatedAt)];
        }
        return was.Assignee != now.Assignee
            ? [new BenchEvent.Assigned(now.TicketId, version, now.Status, now.Priority, now.Assignee, now.UpdatedAt)]
            : [];
    }
}
