namespace Millrace;

/// <summary>Lets commits of encrypted records through together, and an erasure only by itself, so that none is committed with a key that is just being dropped.</summary>
internal sealed class EraseGate
{
    private readonly Lock _gate = new();
    private int _inside;
    private TaskCompletionSource? _erasing;
    private TaskCompletionSource? _left;

    /// <summary>A commit begins; it ends with <see cref="Leave"/>.</summary>
    public async ValueTask EnterAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task wait;
            lock (_gate)
            {
                if (_erasing is null)
                {
                    _inside++;
                    return;
                }
                wait = _erasing.Task;
            }
            await wait.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (--_inside == 0)
            {
                _left?.TrySetResult();
            }
        }
    }

    /// <summary>Runs an erasure when no commit is under way, and holds the next ones back meanwhile.</summary>
    public async Task EraseAsync(Func<Task> erase, CancellationToken cancellation)
    {
        TaskCompletionSource erasing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        while (true)
        {
            Task? wait;
            lock (_gate)
            {
                wait = _erasing?.Task;
                if (wait is null)
                {
                    (_erasing, _left) = (erasing, left);
                    if (_inside == 0)
                    {
                        left.TrySetResult();
                    }
                    break;
                }
            }
            await wait.WaitAsync(cancellation).ConfigureAwait(false);
        }
        try
        {
            await left.Task.WaitAsync(cancellation).ConfigureAwait(false);
            await erase().ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                (_erasing, _left) = (null, null);
            }
            erasing.TrySetResult();
        }
    }
}
