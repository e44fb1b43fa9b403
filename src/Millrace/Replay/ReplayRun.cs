using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>What a replay reads and with which code: the recorded data, this build's topology, and where the state goes meanwhile.</summary>
internal sealed class ReplayRun
{
    private readonly Func<ScratchState> _scratch;

    private ReplayRun(
        Topology topology,
        MillraceOptions options,
        IEngine engine,
        Func<ScratchState> scratch,
        IServiceProvider services,
        Fingerprint recorded
    )
    {
        _scratch = scratch;
        Engine = engine;
        Options = options;
        Recorded = recorded;
        Application = new Application(topology, recorded.Partitions, recorded.Sources.Count == 0 ? "" : recorded.Sources[0]);
        Application.Live = LiveGeneration(engine);
        IsWhole = engine is not ExcerptReader;
        // What is personal was opened when the excerpt was written.
        Seals = IsWhole ? Seals.Of(Application, engine, services) : null;
        Aggregates = [.. topology.Aggregates.Where(aggregate => recorded.Aggregates.Any(known => known.Name == aggregate.Name))];
    }

    public IEngine Engine { get; }
    public MillraceOptions Options { get; }
    public Application Application { get; }

    /// <summary>The topology that the logs were written under.</summary>
    public Fingerprint Recorded { get; }

    /// <summary>The aggregates that have a log.</summary>
    public IReadOnlyList<AggregateDefinition> Aggregates { get; }

    public Seals? Seals { get; }

    /// <summary>Whether the logs have every record from their beginning on; an excerpt has not.</summary>
    public bool IsWhole { get; }

    /// <summary>Begins a replay of what an engine has recorded.</summary>
    /// <exception cref="ReplayException">There is nothing recorded, or this build cannot follow it.</exception>
    public static ReplayRun Of(
        Topology topology,
        MillraceOptions options,
        IEngine engine,
        Func<ScratchState> scratch,
        IServiceProvider services
    )
    {
        if (Fingerprint.Recorded(engine, topology.Name) is not { } recorded)
        {
            throw new ReplayException(
                $"Nothing is recorded of the application \"{topology.Name}\" there. Say where the live application's data is; it must have run once."
            );
        }
        var run = new ReplayRun(topology, options, engine, scratch, services, recorded);
        if (FingerprintComparison.Changes(recorded, Fingerprint.Of(run.Application, recorded.Sources)) is { Count: > 0 } changes)
        {
            throw new ReplayException(
                $"This build cannot follow what was recorded:{string.Concat(changes.Select(change => $"{Environment.NewLine}  {change}"))}"
            );
        }
        if (run.IsWhole && Growth.Recorded(engine, run.Application) is { Count: > 1 } epochs)
        {
            throw new ReplayException(
                $"The command logs were given more partitions ({string.Join(", then ", epochs)}), and this replay reads each partition by itself: entities that moved would be seen in part. Run the build as a generation instead (replay start), which follows them."
            );
        }
        return run;
    }

    // Who decides may be a later generation; what it publishes stands in the log that everybody reads, behind what was before it.
    private int LiveGeneration(IEngine engine) =>
        engine.OpenState(Application.GenerationsAppender, 0).TryGet(Registry.Key, out var stored)
            ? JsonSerializer.Deserialize(stored, MillraceJson.Default.Registry)!.Live
            : Application.Generation;

    /// <summary>The aggregate of a name.</summary>
    /// <exception cref="ReplayException">There is none, or nothing is recorded of it.</exception>
    public AggregateDefinition Aggregate(string name) =>
        Aggregates.FirstOrDefault(aggregate => aggregate.Name == name)
        ?? throw new ReplayException(
            $"There is no aggregate \"{name}\" with recorded commands: there is {string.Join(", ", Aggregates.Select(aggregate => aggregate.Name))}."
        );

    /// <summary>How far the live application has decided a partition.</summary>
    public long Decided(AggregateDefinition aggregate, int partition) =>
        Engine.CommittedOffset(Application.DecideGroup(aggregate), new TopicPartition(Application.Commands(aggregate), partition));

    public Replayer Replayer(AggregateDefinition aggregate, int partition, Func<ReadOnlySpan<byte>, bool>? wants) =>
        new(aggregate, Application, Options, Seals, partition, _scratch(), wants);

    public ScratchState Scratch() => _scratch();
}
