using System.Collections.Concurrent;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <summary>Puts together how everything stands, from logs, committed positions and counters.</summary>
internal static class RuntimeStatusReader
{
    public static RuntimeStatus Read(
        Runtime runtime,
        IReadOnlyList<ISource> sources,
        ConcurrentDictionary<(string Aggregate, int Partition), DeciderCounters> counters,
        ConcurrentDictionary<(string Group, int Partition), string> faults,
        ConcurrentDictionary<string, string> sourceFaults
    )
    {
        var application = runtime.Application;
        var held = runtime.Held().GroupBy(entity => entity.Aggregate).ToDictionary(group => group.Key, group => group.ToList());
        var partitions = new List<PartitionState>();
        var loops = new List<LoopState>();
        foreach (var aggregate in application.Topology.Aggregates)
        {
            var group = application.DecideGroup(aggregate);
            for (var partition = 0; partition < application.Partitions; partition++)
            {
                var count = counters.GetOrAdd((aggregate.Name, partition), static _ => new DeciderCounters());
                var commands = new TopicPartition(application.Commands(aggregate), partition);
                var of = partition;
                partitions.Add(
                    new PartitionState(aggregate.Name, partition)
                    {
                        CommandEnd = End(runtime.Engine, commands),
                        Decided = runtime.Engine.CommittedOffset(group, commands),
                        EventEnd = End(runtime.Engine, new TopicPartition(application.Events(aggregate), partition)),
                        Commands = count.Commands,
                        Events = count.Events,
                        Rejected = count.Rejected,
                        Equal = count.Same,
                        WaitingRows = count.Waiting,
                        Held = held.GetValueOrDefault(aggregate.Name)?.Count(entity => PartitionOf(entity.Entity, application) == of) ?? 0,
                        Time = Math.Max(0, count.Time),
                    }
                );
                loops.Add(
                    new LoopState(
                        group,
                        partition,
                        Instants.Of(Volatile.Read(ref count.Heartbeat)),
                        faults.TryGetValue((group, partition), out var fault) ? fault : null
                    )
                );
            }
        }
        return new RuntimeStatus
        {
            At = runtime.Clock.GetUtcNow(),
            Sources =
            [
                .. sources.Zip(
                    runtime.Captures,
                    (source, capture) =>
                        new SourceState(source.Name, capture.Status, sourceFaults.TryGetValue(source.Name, out var why) ? why : null)
                ),
            ],
            Partitions = partitions,
            Views = [.. application.Topology.Views.Select(view => View(runtime, view))],
            Reactions = [.. application.Topology.Reactions.Select(reaction => Reaction(runtime, reaction))],
            Loops = loops,
        };
    }

    private static ViewState View(Runtime runtime, View view)
    {
        var application = runtime.Application;
        var counters = runtime.DownstreamServices.Counters.View(view, application.Partitions);
        var events = application.Events(view.Aggregate);
        var lag = view.IsPerEntity
            ? Lag(runtime.Engine, application.ViewGroup(view), events)
            : Lag(runtime.Engine, application.RouteGroup(view.Name), events)
                + Lag(runtime.Engine, application.ViewGroup(view), application.Feed(view));
        return new ViewState(view.Name, view.Aggregate.Name)
        {
            Lag = lag,
            Documents = counters.Documents.Sum,
            Applied = counters.Applied,
            Time = counters.Times.Least,
        };
    }

    private static ReactionState Reaction(Runtime runtime, Reaction reaction)
    {
        var application = runtime.Application;
        var counters = runtime.DownstreamServices.Counters.Reaction(reaction, application.Partitions);
        var events = application.Events(reaction.Aggregate);
        var lag = reaction.KeyedByType is null
            ? Lag(runtime.Engine, application.ReactionGroup(reaction), events)
            : Lag(runtime.Engine, application.RouteGroup(reaction.Name), events)
                + Lag(runtime.Engine, application.ReactionGroup(reaction), application.Feed(reaction));
        return new ReactionState(reaction.Name, reaction.Aggregate.Name)
        {
            Lag = lag,
            Handled = counters.Handled.Sum,
            TimersArmed = counters.Armed.Sum,
            TimersFired = counters.Fired.Sum,
            Intents = counters.Intents.Sum,
            Suppressed = counters.Suppressed.Sum,
            Time = counters.Times.Least,
        };
    }

    /// <summary>Records of a topic that a group has not handled yet.</summary>
    private static long Lag(IEngine engine, string group, Topic topic) =>
        Enumerable
            .Range(0, topic.Partitions)
            .Sum(partition =>
            {
                var log = new TopicPartition(topic, partition);
                return Math.Max(0, End(engine, log) - engine.CommittedOffset(group, log));
            });

    private static int PartitionOf(string entity, Application application) =>
        Slots.PartitionOf(System.Text.Encoding.UTF8.GetBytes(entity), application.Partitions);

    private static long End(IEngine engine, TopicPartition log)
    {
        using var reader = engine.Read(log, 0);
        return reader.End;
    }
}
