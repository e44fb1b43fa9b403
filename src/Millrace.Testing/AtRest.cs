using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>Whether a running application has nothing left to do.</summary>
internal static class AtRest
{
    /// <summary>Every group has committed everything that its inputs have, no sweep is on its way, nothing is due, and every intent is carried out or parked.</summary>
    public static bool Is(Runtime runtime)
    {
        foreach (var group in runtime.Groups)
        {
            foreach (var input in group.Inputs)
            {
                for (var partition = 0; partition < input.Partitions; partition++)
                {
                    var source = new TopicPartition(input, partition);
                    using var reader = runtime.Engine.Read(source, 0);
                    if (runtime.Engine.CommittedOffset(group.Name, source) < reader.End)
                    {
                        return false;
                    }
                }
            }
        }
        var watermark = runtime.Watermark;
        return !Sweeping(runtime)
            && runtime.Application.Topology.Reactions.All(reaction =>
                runtime.DownstreamServices.Timers.Due(reaction.Name) > watermark
                && runtime.DownstreamServices.Counters.Executor(reaction, runtime.Application.Partitions).Pending.Sum == 0
            );
    }

    private static bool Sweeping(Runtime runtime)
    {
        foreach (var aggregate in runtime.Application.Topology.Aggregates)
        {
            for (var partition = 0; partition < runtime.Application.Map.Partitions; partition++)
            {
                var state = runtime.Engine.OpenState(runtime.Application.DecideGroup(aggregate), partition);
                if ((state.TryGet(StateKeys.Sweeps, out var sweeps) && !sweeps.IsEmpty) || state.TryGet(StateKeys.Moves, out _))
                {
                    return true;
                }
            }
        }
        return false;
    }
}
