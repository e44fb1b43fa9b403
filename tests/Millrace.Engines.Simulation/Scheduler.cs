namespace Millrace.Engines.Simulation;

/// <summary>
/// Runs everything on one thread, in an order that a seed decides, in a time that passes only when nothing else is to be done. What
/// is awaited under it comes back to it, so the same seed gives the same run.
/// </summary>
internal sealed class Scheduler(int seed) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback Callback, object? State)> _ready = [];
    private readonly PriorityQueue<Action, (long Due, long Order)> _timers = new();
    private long _order;

    public Random Random { get; } = new(seed);

    /// <summary>Ticks of simulated time.</summary>
    public long Now { get; private set; }

    /// <summary>How many callbacks have run.</summary>
    public long Steps { get; private set; }

    /// <summary>Called after each callback.</summary>
    public Action<long> AfterStep { get; set; } = _ => { };

    public TimeProvider Time => field ??= new SimulatedTime(this);

    public override void Post(SendOrPostCallback d, object? state) => _ready.Add((d, state));

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("Nothing may block in a simulation.");

    /// <summary>Runs a test to its end.</summary>
    public void Run(Func<Task> test)
    {
        var outside = Current;
        SetSynchronizationContext(this);
        try
        {
            var running = test();
            while (!running.IsCompleted)
            {
                if (_ready.Count > 0)
                {
                    var pick = Random.Next(_ready.Count);
                    var (callback, state) = _ready[pick];
                    _ready[pick] = _ready[^1];
                    _ready.RemoveAt(_ready.Count - 1);
                    callback(state);
                    AfterStep(++Steps);
                }
                else if (_timers.TryDequeue(out var due, out var when))
                {
                    Now = Math.Max(Now, when.Due);
                    due();
                }
                else
                {
                    throw new InvalidOperationException("Everything waits for something, and nothing is to happen any more.");
                }
            }
            running.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(outside);
        }
    }

    /// <summary>A moment in which other things may happen: none, a few, or for some milliseconds.</summary>
    public Task Pause()
    {
        var paused = new TaskCompletionSource();
        if (Random.Next(4) == 0)
        {
            At(TimeSpan.FromTicks(Random.Next(5 * (int)TimeSpan.TicksPerMillisecond)), paused.SetResult);
        }
        else
        {
            Post(static p => ((TaskCompletionSource)p!).SetResult(), paused);
        }
        return paused.Task;
    }

    public Task Wait(TimeSpan time)
    {
        var waited = new TaskCompletionSource();
        At(time, waited.SetResult);
        return waited.Task;
    }

    public void At(TimeSpan after, Action action) => _timers.Enqueue(action, (Now + after.Ticks, _order++));

    private sealed class SimulatedTime(Scheduler scheduler) : TimeProvider
    {
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => scheduler.Now;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(scheduler.Now);
    }
}
