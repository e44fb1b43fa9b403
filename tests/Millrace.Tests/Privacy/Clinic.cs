using System.Diagnostics;
using System.Text.Json.Serialization;
using static Millrace.Tests.Privacy.PatientEvent;

namespace Millrace.Tests.Privacy;

[Row("patients")]
public sealed partial record PatientRow([Key] long Id, string Name, string City);

[Row("visits")]
public sealed partial record VisitRow([Key] long Id, [ChildOf<PatientRow>] long PatientId, string Complaint);

[JsonDerivedType(typeof(Registered), "registered")]
[JsonDerivedType(typeof(Renamed), "renamed")]
[JsonDerivedType(typeof(Visited), "visited")]
[JsonDerivedType(typeof(Noted), "noted")]
public abstract record PatientEvent
{
    private PatientEvent() { }

    public sealed record Registered(string Name, string City) : PatientEvent;

    public sealed record Renamed(string Name) : PatientEvent;

    public sealed record Visited(string Complaint) : PatientEvent;

    public sealed record Noted(string Note, int Notes) : PatientEvent;
}

[JsonDerivedType(typeof(Note), "note")]
public abstract record PatientCommand : ICommand<PatientEvent>
{
    private PatientCommand() { }

    public sealed record Note(string Text) : PatientCommand;
}

public sealed record PatientState(int Notes = 0, string Last = "");

public sealed record PatientCard(string Name, int Visits);

public sealed record CityList(IReadOnlyList<string> Patients);

public sealed record CallBack(string Name = "");

public sealed record Crowd(int Most);

[JsonSerializable(typeof(PatientEvent))]
[JsonSerializable(typeof(PatientCommand))]
[JsonSerializable(typeof(PatientState))]
[JsonSerializable(typeof(PatientCard))]
[JsonSerializable(typeof(CityList))]
[JsonSerializable(typeof(CallBack))]
[JsonSerializable(typeof(Crowd))]
internal sealed partial class ClinicJson : JsonSerializerContext;

/// <summary>A clinic: what it knows of a patient is personal, and the tests' personal values all have the word "plain" in them.</summary>
public static class Clinic
{
    public static readonly AggregateBuilder<PatientRow, PatientState, PatientEvent> Open = Aggregate
        .Named("patient")
        .Root<PatientRow>()
        .Publishes<PatientEvent>()
        .State(new PatientState(), (state, e, _) => e is Noted noted ? new(noted.Notes, noted.Note) : state)
        .OnChange<PatientRow>(Decide)
        .OnChange<VisitRow>((_, visit, _) => visit is (null, { } row) ? [new Visited(row.Complaint)] : [])
        .OnCommand<PatientCommand>(Decide);

    public static readonly Aggregate<PatientEvent> Patient = Open.Personal();

    public static readonly View<PatientCard> Cards = CardsOf(Patient);

    public static readonly View<CityList> Cities = CitiesOf(Patient).Erase((list, entity) => Without(list, entity));

    public static readonly Reaction CallBacks = Reaction
        .Named("call-back")
        .Of(Patient)
        .PerEntity()
        .State(new CallBack())
        .React(
            (state, e, context) =>
                e switch
                {
                    Registered registered => Then.Keep(new CallBack(registered.Name)),
                    Visited visited => Then.Keep(state)
                        .At(context.Time.AddHours(1), "call", new Alert($"Call {state.Name} about {visited.Complaint}")),
                    Noted noted => Then.Keep(state).Do(new Alert($"{state.Name}: {noted.Note}")),
                    _ => Then.Keep(state),
                }
        );

    public static readonly Reaction Crowded = Reaction
        .Named("crowded")
        .Of(Patient)
        .KeyedBy((Registered e) => e.City)
        .Settings<Crowd>()
        .Sliding(TimeSpan.FromHours(1))
        .MoreThan(crowd => crowd.Most, (count, context) => new Alert($"{count} in {context.Key}, the last the plain {context.EntityId}"));

    public static Topology Topology => Of(Patient).Add(Cards).Add(Cities).Add(CallBacks).Add(Crowded);

    public static Topology Of(Aggregate<PatientEvent> patient) => Millrace.Topology.Named("clinic").Json(ClinicJson.Default).Add(patient);

    public static View<PatientCard> CardsOf(Aggregate<PatientEvent> patient) =>
        View.Named("cards")
            .Of(patient)
            .PerEntity()
            .Document<PatientCard>(
                (card, e, _) =>
                    (e, card) switch
                    {
                        (Registered registered, _) => new PatientCard(registered.Name, 0),
                        (Visited, { } known) => known with { Visits = known.Visits + 1 },
                        _ => card,
                    }
            )
            .Index(new ViewIndex<PatientCard, string>("name", card => card.Name));

    public static View<CityList> CitiesOf(Aggregate<PatientEvent> patient) =>
        View.Named("cities")
            .Of(patient)
            .KeyedBy((e, _) => (e as Registered)?.City)
            .Document<CityList>(
                (list, e, context) => new CityList([.. list?.Patients ?? [], $"{context.EntityId}:{((Registered)e).Name}"])
            );

    private static CityList? Without(CityList list, EntityId entity) =>
        list.Patients.Any(patient => patient.StartsWith($"{entity}:", StringComparison.Ordinal))
            ? new CityList([.. list.Patients.Where(patient => !patient.StartsWith($"{entity}:", StringComparison.Ordinal))])
            : list;

    private static IEnumerable<PatientEvent> Decide(PatientState state, Change<PatientRow> change, Context<PatientRow> context)
    {
        if (change is (_, { Name: "plain poison" }))
        {
            throw new InvalidOperationException("A plain poison.");
        }
        if (change is (null, { } row))
        {
            yield return new Registered(row.Name, row.City);
        }
        if (change is ({ } was, { } now) && was.Name != now.Name)
        {
            yield return new Renamed(now.Name);
        }
    }

    private static Decision<PatientEvent> Decide(PatientState state, PatientCommand command, Context<PatientRow> context) =>
        command switch
        {
            PatientCommand.Note("") => Decision.Reject($"A note on the plain {context.Root.Name} must not be empty."),
            PatientCommand.Note(var text) => [new Noted(text, state.Notes + 1)],
            _ => throw new UnreachableException(),
        };
}
