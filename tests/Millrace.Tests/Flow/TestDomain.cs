using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millrace.Tests.Flow;

public sealed record CaseRow(long Id) : IRow<CaseRow>, IPartOf<CaseRow>
{
    public static RowDefinition Definition { get; } =
        new()
        {
            Table = "cases",
            Record = nameof(CaseRow),
            Columns = [new RowColumn("Id", "Id", "long", false)],
            Key = ["Id"],
        };

    public static CaseRow Parse(ReadOnlySpan<byte> json) => throw new NotSupportedException();

    public static void Write(CaseRow row, Utf8JsonWriter writer) => throw new NotSupportedException();
}

[JsonDerivedType(typeof(Opened), "opened")]
[JsonDerivedType(typeof(Moved), "moved")]
[JsonDerivedType(typeof(Armed), "armed")]
[JsonDerivedType(typeof(Cancelled), "cancelled")]
[JsonDerivedType(typeof(Told), "told")]
[JsonDerivedType(typeof(Closed), "closed")]
[JsonDerivedType(typeof(Poison), "poison")]
public abstract record CaseEvent
{
    private CaseEvent() { }

    public sealed record Opened(string Subject, string Group, int Level) : CaseEvent;

    public sealed record Moved(int Level) : CaseEvent;

    /// <param name="Timer">The timer.</param>
    /// <param name="After">In microseconds from the event's time; may be negative.</param>
    public sealed record Armed(string Timer, long After) : CaseEvent;

    public sealed record Cancelled(string Timer) : CaseEvent;

    public sealed record Told(string Text, int Times = 1) : CaseEvent;

    public sealed record Closed : CaseEvent;

    public sealed record Poison(string Group) : CaseEvent;
}

public sealed record CaseState;

public sealed record CaseDocument(string Subject, string Group, int Level, int Seen, string LastEntity);

public sealed record GroupDocument(int Opened);

public sealed record Limits(int Most, int Version = 1);

public sealed record Tally(int Events = 0);

[JsonDerivedType(typeof(Note), "note")]
public abstract record CaseCommand : ICommand<CaseEvent>
{
    private CaseCommand() { }

    public sealed record Note(string Text) : CaseCommand;
}

public sealed record Ping(string Text) : IIntent;

[JsonSerializable(typeof(CaseEvent))]
[JsonSerializable(typeof(CaseCommand))]
[JsonSerializable(typeof(CaseState))]
[JsonSerializable(typeof(CaseDocument))]
[JsonSerializable(typeof(GroupDocument))]
[JsonSerializable(typeof(Limits))]
[JsonSerializable(typeof(Tally))]
[JsonSerializable(typeof(Ping))]
internal sealed partial class CaseJson : JsonSerializerContext;

internal static class Cases
{
    public static readonly Aggregate<CaseEvent> Aggregate = Millrace
        .Aggregate.Named("case")
        .Root<CaseRow>()
        .Publishes<CaseEvent>()
        .State(new CaseState(), (state, _, _) => state)
        .OnCommand<CaseCommand>((_, _, _) => []);

    public static Topology Topology => Millrace.Topology.Named("cases").Json(CaseJson.Default).Add(Aggregate);
}
