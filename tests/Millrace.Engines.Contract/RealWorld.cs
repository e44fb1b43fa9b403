using System.Diagnostics;

namespace Millrace.Engines.Contract;

/// <summary>A world of real threads and real time.</summary>
public abstract class RealWorld : World
{
    /// <summary>How long something may take before it counts as never.</summary>
    protected virtual TimeSpan Deadline => TimeSpan.FromSeconds(60);

    public override async Task Until(Func<bool> condition, string what)
    {
        var since = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < Deadline, $"Not within {Deadline.TotalSeconds} s: {what}");
            await timer.WaitForNextTickAsync();
        }
    }
}
