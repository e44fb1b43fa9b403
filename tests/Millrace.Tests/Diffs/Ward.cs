using System.Text.Json.Serialization;
using static Millrace.Tests.Diffs.CaseEvent;

namespace Millrace.Tests.Diffs;

[Row("cases")]
public sealed partial record CaseRow([Key] long Id, string Title, int Severity);

[Row("notes")]
public sealed partial record NoteRow([Key] long Id, [ChildOf<CaseRow>] long CaseId, string Text);

[JsonDerivedType(typeof(Opened), "case-opened")]
[JsonDerivedType(typeof(Graded), "case-graded")]
[JsonDerivedType(typeof(Noted), "case-noted")]
[JsonDerivedType(typeof(Escalated), "case-escalated")]
[JsonDerivedType(typeof(Closed), "case-closed")]
[JsonDerivedType(typeof(Gone), "case-gone")]
public abstract record CaseEvent
{
    private CaseEvent() { }

    public sealed record Opened(string Title, string Level) : CaseEvent;

    public sealed record Graded(string Level) : CaseEvent;

    public sealed record Noted(string Text, int Number) : CaseEvent;

    public sealed record Escalated : CaseEvent;

    public sealed record Closed(string By) : CaseEvent;

    public sealed record Gone : CaseEvent;
}

[JsonDerivedType(typeof(Close), "close-case")]
public abstract record CaseCommand : ICommand<CaseEvent>
{
    private CaseCommand() { }

    public sealed record Close(string By) : CaseCommand;
}

[JsonDerivedType(typeof(Other), "another-command")]
public abstract record OtherCommand : ICommand<CaseEvent>
{
    private OtherCommand() { }

    public sealed record Other : OtherCommand;
}

public sealed record CaseState(int Notes = 0, bool Closed = false);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CaseEvent))]
[JsonSerializable(typeof(CaseCommand))]
[JsonSerializable(typeof(OtherCommand))]
[JsonSerializable(typeof(CaseState))]
[JsonSerializable(typeof(Patience))]
public sealed partial class WardJson : JsonSerializerContext;

/// <summary>For how long a high case may stay without a note.</summary>
public sealed record Patience(int Minutes = 30);

/// <summary>Builds of one application: what was deployed, and what is to be.</summary>
public static class Ward
{
    /// <summary>What is deployed: cases are high from severity 3 on.</summary>
    public static readonly Aggregate<CaseEvent> DeployedCase = Case(new Rules());

    public static readonly Topology Deployed = Topology
        .Named("ward")
        .Json(WardJson.Default)
        .Add(DeployedCase)
        .Add(Unnoticed(DeployedCase, new Rules()))
        .Add(Rush(DeployedCase));

    internal static Topology With(Rules rules) =>
        Topology.Named("ward").Json(WardJson.Default).Add(Case(rules)).Add(Unnoticed(Case(rules), rules)).Add(Rush(Case(rules)));

    /// <summary>What was deployed before anybody wanted alerts.</summary>
    public static readonly Topology WithoutReactions = Topology.Named("ward").Json(WardJson.Default).Add(Case(new Rules()));

    /// <summary>A build in which commands have other names.</summary>
    public static readonly Topology WithoutCommands = Topology
        .Named("ward")
        .Json(WardJson.Default)
        .Add(Rows(new Rules()).OnCommand<OtherCommand>((_, _, _) => Decision.Reject("no")));

    internal static Aggregate<CaseEvent> Case(Rules rules) =>
        Rows(rules)
            .OnCommand<CaseCommand>(
                (state, command, _) =>
                    command switch
                    {
                        CaseCommand.Close when state.Closed => Decision.Reject("It is closed."),
                        CaseCommand.Close(var by) when rules.CloseBy is { } only && only != by => Decision.Reject($"Only {only} closes."),
                        CaseCommand.Close(var by) => [new Closed(by)],
                        _ => [],
                    }
            );

    private static AggregateBuilder<CaseRow, CaseState, CaseEvent> Rows(Rules rules) =>
        Aggregate
            .Named("case")
            .Root<CaseRow>()
            .Publishes<CaseEvent>()
            .State(
                new CaseState(),
                (state, e, _) =>
                    e switch
                    {
                        Noted => state with { Notes = state.Notes + 1 },
                        Closed => state with { Closed = true },
                        _ => state,
                    }
            )
            .OnChange<CaseRow>((_, change, _) => Decide(rules, change))
            .OnChange<NoteRow>(
                (state, change, _) =>
                    change switch
                    {
                        (null, { Text: var text }) when text == rules.ThrowsOn => throw new InvalidOperationException($"What is {text}?"),
                        (null, { Text: var text }) => [new Noted(text, state.Notes + 1)],
                        _ => [],
                    }
            );

    private static IEnumerable<CaseEvent> Decide(Rules rules, Change<CaseRow> change)
    {
        switch (change)
        {
            case (null, { } now):
                yield return new Opened(now.Title, rules.Level(now));
                if (rules.Escalates && now.Severity >= 4)
                {
                    yield return new Escalated();
                }
                break;
            case ({ } was, { } now) when rules.Level(was) != rules.Level(now):
                yield return new Graded(rules.Level(now));
                break;
            case ({ }, null):
                yield return new Gone();
                break;
        }
    }

    private static Reaction Unnoticed(Aggregate<CaseEvent> of, Rules rules) =>
        Reaction
            .Named("unnoticed")
            .Of(of)
            .PerEntity()
            .Settings<Patience>()
            .State(new CaseState())
            .React(
                (state, e, context) =>
                    e switch
                    {
                        Opened(_, "high") => Then.Keep(state)
                            .At(
                                context.Time.AddMinutes(context.Settings.Minutes),
                                "notice",
                                new Alert($"Nobody notices case {context.Key}{rules.Suffix}")
                            ),
                        Noted => Then.Keep(state).Cancel("notice"),
                        _ => state,
                    }
            );

    private static Reaction Rush(Aggregate<CaseEvent> of) =>
        Reaction
            .Named("rush")
            .Of(of)
            .KeyedBy<Opened, string>(e => e.Level)
            .Settings<Patience>()
            .Sliding(TimeSpan.FromHours(1))
            .MoreThan(_ => 2, (count, context) => new Alert($"{count} {context.Key} cases"));

    /// <summary>What a build does in its own way.</summary>
    internal sealed record Rules(
        int HighFrom = 3,
        bool Escalates = false,
        string? ThrowsOn = null,
        string? CloseBy = null,
        string Suffix = ""
    )
    {
        public string Level(CaseRow row) => row.Severity >= HighFrom ? "high" : "low";
    }
}
