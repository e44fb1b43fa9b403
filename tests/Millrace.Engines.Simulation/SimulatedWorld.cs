using System.Globalization;
using Millrace.Engines.Contract;

namespace Millrace.Engines.Simulation;

/// <summary>A world in which a seed decides what happens when.</summary>
internal sealed class SimulatedWorld : World
{
    private static readonly int? OnlySeed = Environment.GetEnvironmentVariable("MILLRACE_SEED") is { Length: > 0 } seed
        ? int.Parse(seed, CultureInfo.InvariantCulture)
        : null;

    private static readonly double Scale = double.Parse(
        Environment.GetEnvironmentVariable("MILLRACE_SEEDS") ?? "1",
        CultureInfo.InvariantCulture
    );

    private SimulatedEngine _engine;

    private SimulatedWorld(Scheduler scheduler)
    {
        Scheduler = scheduler;
        _engine = SimulatedEngine.Start(Scheduler, Disk);
    }

    public Scheduler Scheduler { get; }

    public SimulatedDisk Disk { get; } = new();

    public override IEngine Engine => _engine;

    public SimulatedEngine Simulated => _engine;

    public override async Task Restart()
    {
        await _engine.DisposeAsync();
        _engine = SimulatedEngine.Start(Scheduler, Disk);
    }

    /// <summary>Starts on what the disk has after the engine was killed.</summary>
    public void Recover() => _engine = SimulatedEngine.Start(Scheduler, Disk);

    public override async Task Until(Func<bool> condition, string what)
    {
        var deadline = Scheduler.Now + TimeSpan.FromHours(1).Ticks;
        for (var wait = TimeSpan.FromMilliseconds(1); !condition(); wait = wait < TimeSpan.FromMilliseconds(500) ? wait * 1.2 : wait)
        {
            Assert.True(Scheduler.Now < deadline, $"Not within an hour of simulated time: {what}");
            await Scheduler.Wait(wait);
        }
    }

    /// <summary>Runs a test with many seeds; one that fails says how to run it again.</summary>
    public static Task Run(int seeds, Func<SimulatedWorld, Task> test)
    {
        var from = OnlySeed ?? 1;
        var to = OnlySeed ?? Math.Max(1, (int)(seeds * Scale));
        for (var seed = from; seed <= to; seed++)
        {
            var scheduler = new Scheduler(seed);
            try
            {
                // Made inside, so that all it awaits comes back to the scheduler.
                scheduler.Run(() => test(new SimulatedWorld(scheduler)));
            }
            catch (Exception e)
            {
                var method = TestContext.Current.TestMethod;
                throw new InvalidOperationException(
                    $"Seed {seed} fails: {e.Message}\nMILLRACE_SEED={seed} dotnet run --project tests/Millrace.Engines.Simulation -- "
                        + $"--filter-method {TestContext.Current.TestClass?.TestClassName}.{method?.MethodName}",
                    e
                );
            }
        }
        return Task.CompletedTask;
    }
}
