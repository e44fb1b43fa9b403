using System.Collections.Concurrent;

namespace Millrace;

/// <summary>What an operator wants done with something parked, on its way to the processor that holds it.</summary>
internal sealed class OperatorRequests
{
    /// <summary>How often a processor that holds something parked looks for requests.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<(string Group, int Partition), ConcurrentQueue<OperatorRequest>> _requests = new();

    public void Add(string group, int partition, OperatorRequest request) =>
        _requests.GetOrAdd((group, partition), static _ => new()).Enqueue(request);

    public bool TryTake(string group, int partition, out OperatorRequest request)
    {
        request = default;
        return _requests.TryGetValue((group, partition), out var queue) && queue.TryDequeue(out request);
    }
}

/// <summary>Retry, or skip with a reason, what stands first under a key.</summary>
/// <param name="Key">The key, or an intent's id.</param>
/// <param name="SkipReason">Why it is skipped; null to retry.</param>
internal readonly record struct OperatorRequest(string Key, string? SkipReason);
