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
        ConcurrentDictionary<(string Group, int Partition), DeciderCounters> counters,
        ConcurrentDictionary<(string Group, int Partition), string> faults,
        ConcurrentDictionary<string, string> sourceFaults
    )
    {
        var application = runtime.Application;
        var positions = runtime.DownstreamServices.Positions;
        var held = runtime.Held().GroupBy(entity => entity.Aggregate).ToDictionary(group => group.Key, group => group.ToList());
        var moving = runtime.Moving().ToHashSet();
        var partitions = new List<PartitionState>();
        var loops = new List<LoopState>();
        foreach (var aggregate in application.Topology.Aggregates)
        {
            var group = application.DecideGroup(aggregate);
            for (var partition = 0; partition < application.Map.Partitions; partition++)
            {
                var count = counters.GetOrAdd((group, partition), static _ => new DeciderCounters());
                var commands = new TopicPartition(application.Commands(aggregate), partition);
                var of = partition;
                partitions.Add(
                    new PartitionState(aggregate.Name, partition)
                    {
                        CommandEnd = positions.End(commands),
                        Decided = positions.Committed(group, commands),
                        EventEnd =
                            partition < application.Partitions
                                ? positions.End(new TopicPartition(application.Events(aggregate), partition))
                                : 0,
                        Commands = count.Commands,
                        Events = count.Events,
                        Rejected = count.Rejected,
                        Equal = count.Same,
                        WaitingRows = count.Waiting,
                        DroppedRows = count.Dropped,
                        Held = held.GetValueOrDefault(aggregate.Name)?.Count(entity => PartitionOf(entity.Entity, application) == of) ?? 0,
                        Time = Math.Max(0, count.Time),
                        Moving = moving.Contains((aggregate.Name, partition)),
                    }
                );
                if (runtime.Engine.IsShared && Volatile.Read(ref count.Heartbeat) == 0)
                {
                    // Another process has it.
                    continue;
                }
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
        var now = runtime.Clock.GetUtcNow();
        return new RuntimeStatus
        {
            At = now,
            Sources =
            [
                .. sources.Zip(
                    runtime.Captures,
                    (source, capture) =>
                        new SourceState(source.Name, capture.Status, sourceFaults.TryGetValue(source.Name, out var why) ? why : null)
                ),
            ],
            Epochs = [.. application.Map.Counts],
            Partitions = partitions,
            Views = runtime.Operations.Views(),
            Reactions = runtime.Operations.Reactions(),
            Executors = runtime.Operations.Executors(),
            Loops =
            [
                .. runtime.Captures.Select(capture => new LoopState(
                    $"{application.Topology.Name}.source.{capture.Source}",
                    -1,
                    capture.ReportedAt,
                    sourceFaults.TryGetValue(capture.Source, out var why) ? why : null
                )),
                .. loops,
                .. positions.Problem is { } problem
                    ? [new LoopState($"{application.Topology.Name}.engine", -1, now, problem)]
                    : (LoopState[])[],
                .. runtime.DownstreamServices.Loops.All,
            ],
        };
    }

    private static int PartitionOf(string entity, Application application) =>
        application.Map.PartitionOf(System.Text.Encoding.UTF8.GetBytes(entity));
}
