namespace Millrace;

/// <summary>Wakes everybody who waits, each time something happens. Costs nothing while nobody waits.</summary>
internal sealed class AsyncPulse
{
    private TaskCompletionSource? _next;

    /// <summary>Completes at the next pulse. Take it before looking at what is waited for, so that no pulse is missed.</summary>
    public Task Next
    {
        get
        {
            while (true)
            {
                if (Volatile.Read(ref _next) is { } waiting)
                {
                    return waiting.Task;
                }
                Interlocked.CompareExchange(ref _next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null);
            }
        }
    }

    public void Pulse() => Interlocked.Exchange(ref _next, null)?.TrySetResult();
}
