using Millrace.Embedded.Logs;

namespace Millrace.Embedded.Processing;

/// <summary>Wakes the thread of a loop; a signal given while it works is kept.</summary>
internal sealed class LoopSignal : IWake
{
    private readonly object _gate = new();
    private volatile bool _given;
    private bool _waiting;

    public void Wake()
    {
        if (_given)
        {
            return;
        }
        lock (_gate)
        {
            _given = true;
            if (_waiting)
            {
                Monitor.Pulse(_gate);
            }
        }
    }

    /// <summary>Takes the signal back before looking for work, so that one given from here on is not lost.</summary>
    public void Reset() => _given = false;

    /// <summary>Waits for a signal, at most so long (negative: without end).</summary>
    public void Wait(TimeSpan atMost)
    {
        var until = atMost < TimeSpan.Zero ? long.MaxValue : Environment.TickCount64 + (long)Math.Ceiling(atMost.TotalMilliseconds);
        lock (_gate)
        {
            _waiting = true;
            while (!_given)
            {
                var left = until == long.MaxValue ? Timeout.Infinite : until - Environment.TickCount64;
                if (left <= 0 && left != Timeout.Infinite)
                {
                    break;
                }
                Monitor.Wait(_gate, (int)Math.Min(left, int.MaxValue));
            }
            _waiting = false;
        }
    }
}
