using System.Text.Json.Serialization;
using static Millrace.Parcels.ParcelCommand;
using static Millrace.Parcels.ParcelEvent;

namespace Millrace.Parcels;

[Row("parcels")]
public sealed partial record ParcelRow([Key] long Id, string Place, string Status);

[Row("scans")]
public sealed partial record ScanRow([Key] long Id, [ChildOf<ParcelRow>] long ParcelId, string Hub);

[JsonDerivedType(typeof(Sent), "parcel-sent")]
[JsonDerivedType(typeof(Scanned), "parcel-scanned")]
[JsonDerivedType(typeof(Delivered), "parcel-delivered")]
[JsonDerivedType(typeof(Rerouted), "parcel-rerouted")]
public abstract record ParcelEvent
{
    private ParcelEvent() { }

    public sealed record Sent(string Place) : ParcelEvent;

    public sealed record Scanned(string Hub) : ParcelEvent;

    public sealed record Delivered : ParcelEvent;

    public sealed record Rerouted(string Place) : ParcelEvent;
}

[JsonDerivedType(typeof(Reroute), "reroute-parcel")]
public abstract record ParcelCommand : ICommand<ParcelEvent>
{
    private ParcelCommand() { }

    public sealed record Reroute(string Place) : ParcelCommand;
}

public sealed record ParcelState(bool IsDelivered = false);

public static class Parcel
{
    /// <summary>What the decision on a row with the status "cursed" depends on: a fault that can be mended while the test runs.</summary>
    public static bool Cursed { get; set; } = true;

    /// <summary>Closed, a decision on a row with the status "waiting at the gate" does not return.</summary>
    public static ManualResetEventSlim Gate { get; } = new(initialState: true);

    public static readonly Aggregate<ParcelEvent> Definition = Aggregate
        .Named("parcel")
        .Root<ParcelRow>()
        .Publishes<ParcelEvent>()
        .State(new ParcelState(), Evolve)
        .OnChange<ParcelRow>(Decide)
        .OnChange<ScanRow>(Decide)
        .OnCommand<ParcelCommand>(Decide);

    /// <summary>Another build's, which publishes nothing of scans.</summary>
    public static readonly Aggregate<ParcelEvent> Mute = Aggregate
        .Named("parcel")
        .Root<ParcelRow>()
        .Publishes<ParcelEvent>()
        .State(new ParcelState(), Evolve)
        .OnChange<ParcelRow>(Decide)
        .Child<ScanRow>()
        .OnCommand<ParcelCommand>(Decide);

    private static IEnumerable<ParcelEvent> Decide(ParcelState state, Change<ParcelRow> change, Context<ParcelRow> context)
    {
        if (change.After is { Status: "cursed" } && Cursed)
        {
            throw new InvalidOperationException("A curse lies on this parcel.");
        }
        if (change.After is { Status: "waiting at the gate" })
        {
            Gate.Wait();
        }
        if (change is (null, { } row))
        {
            yield return new Sent(row.Place);
        }
        if (change is ({ Status: not "delivered" }, { Status: "delivered" }))
        {
            yield return new Delivered();
        }
    }

    private static IEnumerable<ParcelEvent> Decide(ParcelState state, Change<ScanRow> change, Context<ParcelRow> context)
    {
        if (change is (null, { } scan))
        {
            yield return new Scanned(scan.Hub);
        }
    }

    private static Decision<ParcelEvent> Decide(ParcelState state, ParcelCommand command, Context<ParcelRow> context) =>
        command switch
        {
            Reroute when state.IsDelivered => Decision.Reject("The parcel is delivered."),
            Reroute(var place) => [new Rerouted(place)],
            _ => [],
        };

    private static ParcelState Evolve(ParcelState state, ParcelEvent e, Context context) =>
        e is Delivered ? state with { IsDelivered = true } : state;
}

public sealed record Whereabouts(string Place, string? Hub);

public static class Board
{
    public static readonly ViewIndex<Whereabouts, string> ByPlace = new("place", parcel => parcel.Place);

    public static readonly View<Whereabouts> Definition = View.Named("whereabouts")
        .Of(Parcel.Definition)
        .PerEntity()
        .Document<Whereabouts>(Apply)
        .Index(ByPlace);

    private static Whereabouts? Apply(Whereabouts? document, ParcelEvent e, Context context) =>
        (e, document) switch
        {
            (Sent(var place), _) => new Whereabouts(place, null),
            (Scanned(var hub), { } parcel) => parcel with { Hub = hub },
            (Rerouted(var place), { } parcel) => parcel with { Place = place },
            (Delivered, _) => null,
            _ => document,
        };
}

public sealed record Promises(int DeliverWithinHours = 48, int BusyAbove = 2);

public sealed record OnItsWay(bool Late = false);

public static class Promised
{
    public static readonly Reaction Lost = Reaction
        .Named("parcel-late")
        .Of(Parcel.Definition)
        .PerEntity()
        .Settings<Promises>()
        .State(new OnItsWay())
        .React(When);

    public static readonly Reaction Busy = Reaction
        .Named("hub-busy")
        .Of(Parcel.Definition)
        .KeyedBy((Scanned e) => e.Hub)
        .Settings<Promises>()
        .Sliding(TimeSpan.FromHours(1))
        .MoreThan(promises => promises.BusyAbove, (count, context) => new Alert($"{count} parcels within an hour in {context.Key}"));

    private static Then<OnItsWay> When(OnItsWay state, ParcelEvent e, ReactionContext<Promises> context) =>
        e switch
        {
            Sent => Then.Keep(state)
                .At(context.Time.AddHours(context.Settings.DeliverWithinHours), "late", new Alert($"Parcel {context.Key} is late")),
            Delivered => Then.Forget,
            _ => state,
        };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ParcelEvent))]
[JsonSerializable(typeof(ParcelCommand))]
[JsonSerializable(typeof(ParcelState))]
[JsonSerializable(typeof(Whereabouts))]
[JsonSerializable(typeof(Promises))]
[JsonSerializable(typeof(OnItsWay))]
public sealed partial class ParcelJson : JsonSerializerContext;

public static class PostOffice
{
    public static Topology Topology { get; } =
        Topology.Named("post").Json(ParcelJson.Default).Add(Parcel.Definition).Add(Board.Definition).Add(Promised.Lost).Add(Promised.Busy);

    /// <summary>Another build, with <see cref="Parcel.Mute"/>.</summary>
    public static Topology Mute { get; } = Topology.Named("post").Json(ParcelJson.Default).Add(Parcel.Mute);
}
