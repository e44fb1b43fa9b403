using Millrace.Sources;

namespace Millrace;

/// <summary>
/// How the whole application stands at one moment: what the operator's pages, the health checks and the metrics read. Counters count
/// from the start of the process. Times and offsets are those of the logs; "lag" is in records of the stage's own input.
/// </summary>
internal sealed record RuntimeStatus
{
    /// <summary>When it was taken, by the wall clock.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The sources, as they reported last.</summary>
    public IReadOnlyList<SourceState> Sources { get; init; } = [];

    /// <summary>How many partitions the command logs have had, the newest last.</summary>
    public IReadOnlyList<int> Epochs { get; init; } = [];

    /// <summary>Every partition of every aggregate.</summary>
    public IReadOnlyList<PartitionState> Partitions { get; init; } = [];

    /// <summary>The views.</summary>
    public IReadOnlyList<ViewState> Views { get; init; } = [];

    /// <summary>The reactions.</summary>
    public IReadOnlyList<ReactionState> Reactions { get; init; } = [];

    /// <summary>The executors: one for each reaction's intents.</summary>
    public IReadOnlyList<ExecutorState> Executors { get; init; } = [];

    /// <summary>Every loop that must go round for the application to be alive.</summary>
    public IReadOnlyList<LoopState> Loops { get; init; } = [];
}

/// <summary>A source.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Status">What it reported last; null before its first report.</param>
/// <param name="Fault">Why it stopped and waits to be started again; null while it runs.</param>
internal sealed record SourceState(string Name, SourceStatus? Status, string? Fault);

/// <summary>One partition of an aggregate.</summary>
internal sealed record PartitionState(string Aggregate, int Partition)
{
    /// <summary>Whether it was added and keeps what comes until it has been handed its entities.</summary>
    public bool Moving { get; init; }

    /// <summary>The end of its command log.</summary>
    public long CommandEnd { get; init; }

    /// <summary>The command offset decided up to.</summary>
    public long Decided { get; init; }

    /// <summary>The end of its event log.</summary>
    public long EventEnd { get; init; }

    /// <summary>Commands decided.</summary>
    public long Commands { get; init; }

    /// <summary>Events published.</summary>
    public long Events { get; init; }

    /// <summary>Native commands rejected.</summary>
    public long Rejected { get; init; }

    /// <summary>Row changes dropped because the mirror had the same bytes.</summary>
    public long Equal { get; init; }

    /// <summary>Rows that wait for their root.</summary>
    public long WaitingRows { get; init; }

    /// <summary>Rows dropped because their root does not exist.</summary>
    public long DroppedRows { get; init; }

    /// <summary>Entities held: parked, or waiting for a reference.</summary>
    public int Held { get; init; }

    /// <summary>The partition's time, in microseconds since 1970-01-01T00:00:00Z; 0 before its first record.</summary>
    public long Time { get; init; }

    /// <summary>Commands not decided yet.</summary>
    public long Lag => Math.Max(0, CommandEnd - Decided);
}

/// <summary>A view, over all its partitions.</summary>
internal sealed record ViewState(string Name, string Aggregate)
{
    /// <summary>Records not applied yet, its router's included.</summary>
    public long Lag { get; init; }

    /// <summary>Documents it has.</summary>
    public long Documents { get; init; }

    /// <summary>Records applied.</summary>
    public long Applied { get; init; }

    /// <summary>The lowest time of its partitions, in microseconds since 1970-01-01T00:00:00Z; 0 before the first record.</summary>
    public long Time { get; init; }
}

/// <summary>A reaction, over all its partitions.</summary>
internal sealed record ReactionState(string Name, string Aggregate)
{
    /// <summary>Records not reacted to yet, its router's included.</summary>
    public long Lag { get; init; }

    /// <summary>Records handled.</summary>
    public long Handled { get; init; }

    /// <summary>Timers armed now.</summary>
    public long TimersArmed { get; init; }

    /// <summary>Timers fired.</summary>
    public long TimersFired { get; init; }

    /// <summary>Intents returned.</summary>
    public long Intents { get; init; }

    /// <summary>Intents not passed on because they belong to a time before the effects began (a snapshot's windows).</summary>
    public long Suppressed { get; init; }

    /// <summary>The lowest time of its partitions, in microseconds since 1970-01-01T00:00:00Z; 0 before the first record.</summary>
    public long Time { get; init; }
}

/// <summary>What carries out a reaction's intents.</summary>
internal sealed record ExecutorState(string Reaction)
{
    /// <summary>Intents not carried out yet.</summary>
    public long Lag { get; init; }

    /// <summary>Intents carried out.</summary>
    public long Done { get; init; }

    /// <summary>Tries that threw.</summary>
    public long Failed { get; init; }

    /// <summary>Intents parked after too many tries.</summary>
    public long Parked { get; init; }
}

/// <summary>A loop that must go round.</summary>
/// <param name="Name">The group's, appender's or source's name.</param>
/// <param name="Partition">The partition; -1 where it has none.</param>
/// <param name="Heartbeat">When it last went round, by the wall clock.</param>
/// <param name="Fault">What it threw last; null once it has gone round again.</param>
internal sealed record LoopState(string Name, int Partition, DateTimeOffset Heartbeat, string? Fault);

/// <summary>An entity that is held, or an intent that is parked: nothing behind it is lost, everything behind it waits.</summary>
/// <param name="Aggregate">The aggregate, or the reaction of an intent.</param>
/// <param name="Entity">The entity, or the intent's id.</param>
/// <param name="Parked">Whether an exception parked it (it can be retried or skipped); otherwise it waits for a row.</param>
/// <param name="Reason">Why, in words.</param>
/// <param name="CommandId">The command it stands at.</param>
/// <param name="Waiting">How many commands wait behind.</param>
/// <param name="Table">The table of the row waited for, or null.</param>
/// <param name="Key">The key of the row waited for, or null.</param>
internal sealed record HeldEntityInfo(
    string Aggregate,
    string Entity,
    bool Parked,
    string Reason,
    string CommandId,
    int Waiting,
    string? Table = null,
    string? Key = null
);

/// <summary>Rows of one table that wait for their root.</summary>
/// <param name="Aggregate">The aggregate.</param>
/// <param name="Entity">The entity whose root is not there.</param>
/// <param name="Table">The rows' table.</param>
/// <param name="Rows">How many.</param>
/// <param name="Since">Since when the entity waits, in event time.</param>
/// <param name="Orphan">Whether every table was shown whole since, without the root.</param>
/// <param name="Reason">Why, in words.</param>
internal sealed record WaitingRows(
    string Aggregate,
    string Entity,
    string Table,
    int Rows,
    DateTimeOffset Since,
    bool Orphan,
    string Reason
);

/// <summary>An armed timer.</summary>
/// <param name="Reaction">The reaction.</param>
/// <param name="Key">The reaction's key.</param>
/// <param name="Name">The timer's name.</param>
/// <param name="Due">When it fires, in event time.</param>
/// <param name="Intent">The durable name of the intent it wants then.</param>
internal sealed record TimerInfo(string Reaction, string Key, string Name, DateTimeOffset Due, string Intent);
