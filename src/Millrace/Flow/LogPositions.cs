using System.Collections.Concurrent;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Where logs end and groups stand, for who only looks. A page must show how things are when the engine's broker does not answer, or a log is gone, more
/// than at any other time: it gets what was known last, and why nothing newer is.
/// </summary>
internal sealed class LogPositions(IEngine engine, TimeProvider clock)
{
    private readonly ConcurrentDictionary<(string Topic, int Partition), long> _ends = new();
    private readonly ConcurrentDictionary<(string Group, string Topic, int Partition), long> _committed = new();
    private volatile Refusal? _problem;

    private sealed record Refusal(long At, string Why);

    /// <summary>What the engine answered last in place of a position; null where it answers.</summary>
    public string? Problem => _problem is { } last && clock.GetElapsedTime(last.At) < TimeSpan.FromSeconds(15) ? last.Why : null;

    /// <summary>The offset after the last record of a log.</summary>
    public long End(TopicPartition log)
    {
        var key = (log.Topic.Name, log.Partition);
        try
        {
            using var reader = engine.Read(log, 0);
            return _ends[key] = reader.End;
        }
        catch (EngineException e)
        {
            _problem = new Refusal(clock.GetTimestamp(), e.Message);
            return _ends.GetValueOrDefault(key);
        }
    }

    /// <summary>The offset that a group has committed.</summary>
    public long Committed(string group, TopicPartition log)
    {
        var key = (group, log.Topic.Name, log.Partition);
        try
        {
            return _committed[key] = engine.CommittedOffset(group, log);
        }
        catch (EngineException e)
        {
            _problem = new Refusal(clock.GetTimestamp(), e.Message);
            return _committed.GetValueOrDefault(key);
        }
    }

    /// <summary>How many records of a log a group has not handled.</summary>
    public long Lag(string group, TopicPartition log) => Math.Max(0, End(log) - Committed(group, log));
}
