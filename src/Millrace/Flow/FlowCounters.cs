using System.Collections.Concurrent;

namespace Millrace;

/// <summary>What the stages below the event log count. Written by each partition's thread at its commits, read by anybody.</summary>
internal sealed class FlowCounters
{
    private readonly ConcurrentDictionary<string, ViewCounters> _views = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ReactionCounters> _reactions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ExecutorCounters> _executors = new(StringComparer.Ordinal);

    public ViewCounters View(View view, int partitions) => _views.GetOrAdd(view.Name, _ => new ViewCounters(partitions));

    public ReactionCounters Reaction(Reaction reaction, int partitions) =>
        _reactions.GetOrAdd(reaction.Name, _ => new ReactionCounters(partitions));

    public ExecutorCounters Executor(Reaction reaction, int partitions) =>
        _executors.GetOrAdd(reaction.Name, _ => new ExecutorCounters(partitions));
}

/// <summary>A number for each partition, and their sum.</summary>
internal sealed class Gauge(int partitions)
{
    private readonly long[] _values = new long[partitions];

    public long this[int partition]
    {
        get => Volatile.Read(ref _values[partition]);
        set => Volatile.Write(ref _values[partition], value);
    }

    public long Sum => _values.Sum();

    public long Least => _values.Min();
}

internal sealed class ViewCounters(int partitions)
{
    private long _applied;

    public Gauge Documents { get; } = new(partitions);
    public Gauge Times { get; } = new(partitions);
    public Gauge Parked { get; } = new(partitions);
    public long Applied => Volatile.Read(ref _applied);

    public void Set(int partition, long documents, long time, int parked, long applied)
    {
        Documents[partition] = documents;
        Times[partition] = time;
        Parked[partition] = parked;
        Interlocked.Add(ref _applied, applied);
    }
}

internal sealed class ReactionCounters(int partitions)
{
    public Gauge Armed { get; } = new(partitions);
    public Gauge Buffered { get; } = new(partitions);
    public Gauge Parked { get; } = new(partitions);
    public Gauge Times { get; } = new(partitions);
    public Gauge Handled { get; } = new(partitions);
    public Gauge Fired { get; } = new(partitions);
    public Gauge Intents { get; } = new(partitions);
    public Gauge Suppressed { get; } = new(partitions);
}

internal sealed class ExecutorCounters(int partitions)
{
    private long _done;
    private long _failed;

    public Gauge Pending { get; } = new(partitions);
    public Gauge Parked { get; } = new(partitions);
    public long Done => Volatile.Read(ref _done);
    public long Failed => Volatile.Read(ref _failed);

    public void AddDone() => Interlocked.Increment(ref _done);

    public void AddFailed() => Interlocked.Increment(ref _failed);
}
