namespace Millrace.Testing;

/// <summary>Wakes one waiting loop; a signal given while nobody waits is kept.</summary>
internal sealed class MemorySignal
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiting;
    private bool _given;

    public void Set()
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            waiting = _waiting;
            _waiting = null;
            _given = waiting is null;
        }
        waiting?.TrySetResult();
    }

    /// <summary>Waits for a signal, or for a time to pass.</summary>
    public async Task WaitAsync(TimeSpan? atMost, TimeProvider time, CancellationToken cancellation)
    {
        Task signal;
        lock (_gate)
        {
            if (_given)
            {
                _given = false;
                return;
            }
            _waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            signal = _waiting.Task;
        }
        try
        {
            await signal.WaitAsync(atMost ?? Timeout.InfiniteTimeSpan, time, cancellation);
        }
        catch (TimeoutException)
        {
            // The caller asked to be woken by now, signal or not. A signal given from here on is kept for the next wait.
            lock (_gate)
            {
                _waiting = null;
            }
        }
    }
}
