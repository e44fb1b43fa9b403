using System.Collections.Concurrent;

namespace Millrace;

/// <summary>Shows that every loop below the event log goes round, and what one threw last.</summary>
internal sealed class Loops(TimeProvider clock)
{
    private readonly ConcurrentDictionary<(string Group, int Partition), Loop> _loops = new();

    public Loop Of(string group, int partition) => _loops.GetOrAdd((group, partition), _ => new Loop(clock));

    /// <summary>The loop is another process's.</summary>
    public void Release(string group, int partition) => _loops.TryRemove((group, partition), out _);

    public IEnumerable<LoopState> All =>
        _loops
            .Select(entry => new LoopState(entry.Key.Group, entry.Key.Partition, entry.Value.Heartbeat, entry.Value.Fault))
            .OrderBy(loop => loop.Name, StringComparer.Ordinal)
            .ThenBy(loop => loop.Partition);
}

/// <summary>The loop of one partition of a group.</summary>
internal sealed class Loop(TimeProvider clock)
{
    private long _beat = Instants.Of(clock.GetUtcNow());
    private string? _fault;

    public DateTimeOffset Heartbeat => Instants.Of(Volatile.Read(ref _beat));

    public string? Fault => Volatile.Read(ref _fault);

    public void Failed(Exception why) => Volatile.Write(ref _fault, why.Message);

    /// <summary>It went round once more.</summary>
    /// <param name="more">Whether it has more to do now.</param>
    /// <param name="wake">When it wants to be called again at the latest; a loop without work shows that it lives all the same.</param>
    public Engines.Progress Beat(bool more, TimeSpan? wake)
    {
        Volatile.Write(ref _beat, Instants.Of(clock.GetUtcNow()));
        Volatile.Write(ref _fault, null);
        return new(more, wake < Heartbeats.Interval ? wake : Heartbeats.Interval);
    }
}
