using System.Text;

namespace Millrace;

/// <summary>The timers that are armed, from the reactions' committed state.</summary>
internal static class ArmedTimers
{
    /// <summary>The timers of one reaction, or of all; of one key, or of all: of each partition the first due.</summary>
    public static IEnumerable<TimerInfo> Of(Runtime runtime, string? reaction, string? key, int most)
    {
        var bytes = key is null ? null : Encoding.UTF8.GetBytes(key);
        var application = runtime.Application;
        return from one in application.Topology.Reactions
            where reaction is null || one.Name == reaction
            from partition in Enumerable.Range(0, application.Partitions)
            where bytes is null || partition == Engines.Slots.PartitionOf(bytes, application.Partitions)
            from timer in TimerTable
                .List(runtime.Engine.OpenState(application.ReactionGroup(one), partition))
                .Where(timer => bytes is null || timer.Key.AsSpan().SequenceEqual(bytes))
                .Take(most)
            select new TimerInfo(
                one.Name,
                Encoding.UTF8.GetString(timer.Key),
                Encoding.UTF8.GetString(timer.Name),
                DateTimeOffset.UnixEpoch.AddTicks(timer.Due * TimeSpan.TicksPerMicrosecond),
                IntentWriter.TypeOf(timer)
            );
    }
}
