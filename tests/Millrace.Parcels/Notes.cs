using System.Text.Json.Serialization;
using static Millrace.Parcels.NoteEvent;

namespace Millrace.Parcels;

[Row("notes")]
public sealed partial record NoteRow([Key] long Id, long Value);

[JsonDerivedType(typeof(Noted), "noted")]
[JsonDerivedType(typeof(Even), "even")]
[JsonDerivedType(typeof(Asked), "asked")]
public abstract record NoteEvent
{
    private NoteEvent() { }

    /// <summary>A value came, as the so-many-eth event of its entity.</summary>
    public sealed record Noted(long Value, int Nth) : NoteEvent;

    public sealed record Even(int Nth) : NoteEvent;

    public sealed record Asked(int Nth) : NoteEvent;
}

[JsonDerivedType(typeof(Ask), "ask")]
public abstract record NoteCommand : ICommand<NoteEvent>
{
    private NoteCommand() { }

    public sealed record Ask : NoteCommand;
}

public sealed record NoteState(int Events = 0);

public sealed record NoteCount(int Events);

[JsonSerializable(typeof(NoteEvent))]
[JsonSerializable(typeof(NoteCommand))]
[JsonSerializable(typeof(NoteState))]
[JsonSerializable(typeof(NoteCount))]
public sealed partial class NotesJson : JsonSerializerContext;

/// <summary>One aggregate in three versions, which differ in what they publish, how often, and what they reject.</summary>
public static class Notes
{
    /// <summary>The versions, from 0.</summary>
    public static IReadOnlyList<Topology> Versions { get; } = [Of(First, AskFirst), Of(Second, AskSecond), Of(Third, AskThird)];

    private static Topology Of(
        DecideChange<NoteState, NoteRow, NoteRow, NoteEvent> change,
        DecideCommand<NoteState, NoteCommand, NoteRow, NoteEvent> command
    )
    {
        Aggregate<NoteEvent> aggregate = Millrace
            .Aggregate.Named("note")
            .Root<NoteRow>()
            .Publishes<NoteEvent>()
            .State(new NoteState(), static (state, _, _) => new NoteState(state.Events + 1))
            .OnChange(change)
            .OnCommand(command);
        return Topology
            .Named("notes")
            .Json(NotesJson.Default)
            .Add(aggregate)
            .Add(
                Reaction
                    .Named("each")
                    .Of(aggregate)
                    .PerEntity()
                    .State(new NoteCount(0))
                    .React(static (count, _, _) => Then.Keep(new NoteCount(count.Events + 1)).Do(new Alert("one more")))
            );
    }

    private static IEnumerable<NoteEvent> First(NoteState state, Change<NoteRow> change, Context<NoteRow> context) =>
        [new Noted(change.After!.Value, state.Events)];

    private static IEnumerable<NoteEvent> Second(NoteState state, Change<NoteRow> change, Context<NoteRow> context) =>
        change.After!.Value % 2 == 0
            ? [new Even(state.Events), new Noted(change.After.Value, state.Events + 1)]
            : [new Noted(change.After.Value, state.Events)];

    private static IEnumerable<NoteEvent> Third(NoteState state, Change<NoteRow> change, Context<NoteRow> context) =>
        change.After!.Value % 3 == 0 ? [] : [new Noted(-change.After.Value, state.Events)];

    private static Decision<NoteEvent> AskFirst(NoteState state, NoteCommand command, Context<NoteRow> context) =>
        [new Asked(state.Events)];

    private static Decision<NoteEvent> AskSecond(NoteState state, NoteCommand command, Context<NoteRow> context) =>
        state.Events > 3 ? Decision.Reject("Too many.") : [new Asked(state.Events)];

    private static Decision<NoteEvent> AskThird(NoteState state, NoteCommand command, Context<NoteRow> context) =>
        Decision.Reject("Never.");
}
