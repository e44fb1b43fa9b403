using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Parcels;

namespace Millrace.Tests.Replay;

/// <summary>
/// One schedule of generations, drawn from a seed: deciders and reactions of every partition take turns on one thread, are killed before and after
/// their commits, the process ends and begins again, commands come at any time, and generations are started, promoted, gone back from, completed and
/// abandoned by the code that does so everywhere.
/// </summary>
internal sealed class Cutover : IAsyncDisposable
{
    private const int Partitions = 2;

    private readonly Random _random;
    private readonly int _steps;
    private readonly Clock _clock = new();
    private readonly InMemoryEngine _engine;
    private readonly IAppender _teller;
    private readonly Dictionary<ProcessorGroup, ProcessorGroup> _watched = [];
    private readonly Dictionary<int, int> _versions = new() { [1] = 0 };
    private readonly StringBuilder _story = new();
    private Runtime _runtime;
    private int _deployed;
    private int _commands;
    private bool _calm;

    public Cutover(int seed)
    {
        _random = new Random(seed);
        _steps = _random.Next(20, 120);
        _engine = new InMemoryEngine(_clock);
        _teller = _engine.OpenAppender("teller");
        _runtime = Begin();
    }

    /// <summary>How many promotions and ways back there were.</summary>
    public int Fences => _runtime.Generations.Registry.Fences;

    public string Story => _story.ToString();

    /// <summary>Runs the schedule, lets everything come to rest, and says what is wrong; null where nothing is.</summary>
    public string? Run()
    {
        for (var step = 0; step < _steps; step++)
        {
            Act();
        }
        _calm = true;
        Settle();
        return new NoteLogs(_engine, Partitions, _versions).Wrong(Registry);
    }

    public async ValueTask DisposeAsync()
    {
        await _runtime.DisposeAsync();
        await _teller.DisposeAsync();
        await _engine.DisposeAsync();
    }

    // ---- what happens

    private void Act()
    {
        switch (_random.Next(24))
        {
            case < 7:
                Tell();
                break;
            case < 18:
                Step();
                break;
            case 18:
                Move("forget", () => _runtime.Generations.ForgetDroppedAsync(None));
                _clock.Pass(TimeSpan.FromMilliseconds(_random.Next(100)));
                break;
            case 19:
                Move("start", () => _runtime.Generations.StartAsync(100, null, null, None));
                break;
            case 20:
                Move("promote", () => _runtime.Generations.PromoteAsync(Registry.Last, false, "test", null, None));
                break;
            case 21:
                Move("roll back", () => _random.Next(2) == 0 ? _runtime.Generations.RollBackAsync("test", null, None) : Task.CompletedTask);
                break;
            case 22:
                Move(
                    "complete or abandon",
                    () =>
                        _random.Next(4) == 0
                            ? _runtime.Generations.AbandonAsync(Registry.Last, null, None)
                            : _runtime.Generations.CompleteAsync(null, None)
                );
                break;
            default:
                if (_random.Next(4) == 0)
                {
                    Restart();
                }
                else
                {
                    Settle();
                }
                break;
        }
    }

    private static CancellationToken None => CancellationToken.None;

    /// <summary>All but the executor, which carries out what is compared here, and the comparison of a shadow, on which nothing depends.</summary>
    private List<ProcessorGroup> Groups =>
        [
            .. _runtime.Groups.Where(static group =>
                !group.Name.EndsWith(".executor", StringComparison.Ordinal) && !group.Name.Contains(".compare.", StringComparison.Ordinal)
            ),
        ];

    private Registry Registry => _runtime.Generations.Registry;

    private void Move(string what, Func<Task> move)
    {
        var task = move();
        if (!task.IsCompleted)
        {
            throw new InvalidOperationException("The move did not complete on this thread.");
        }
        if (task.Exception?.InnerException is ReplayException refused)
        {
            Note($"{what}: refused: {refused.Message}");
            return;
        }
        task.GetAwaiter().GetResult();
        if (Registry.Find(GenerationRole.Shadow) is { } shadow)
        {
            _versions.TryAdd(shadow.Number, CandidateVersion);
        }
        Note($"{what}: {Registry.Live} is live of {string.Join(',', Registry.Generations.Select(g => $"{g.Number}:{g.Role}"))}");
    }

    private void Tell()
    {
        var transaction = _teller.Begin();
        for (var left = _random.Next(1, 6); left > 0; left--)
        {
            NoteLogs.Tell(transaction, Partitions, $"{_random.Next(1, 6)}", ++_commands, native: _random.Next(4) == 0);
        }
        _teller.CommitAsync(transaction, durable: true, None).AsTask().GetAwaiter().GetResult();
    }

    private void Step()
    {
        var groups = Groups;
        var group = groups[_random.Next(groups.Count)];
        Step(Watched(group), _random.Next(Partitions));
    }

    private bool Step(ProcessorGroup group, int partition)
    {
        try
        {
            return _engine.Step(group, partition);
        }
        catch (Killed)
        {
            Note($"{group.Name}[{partition}] was killed");
            return true;
        }
    }

    private void Settle()
    {
        var calm = _calm;
        _calm = true;
        bool worked;
        var (quiet, rounds) = (0, 0);
        do
        {
            if (++rounds > 10_000)
            {
                throw new InvalidOperationException($"It does not come to rest.\n{_story}");
            }
            worked = false;
            foreach (var group in Groups)
            {
                for (var partition = 0; partition < Partitions; partition++)
                {
                    worked |= Step(Watched(group), partition);
                }
            }
            // What waits for others looks again after a while.
            _clock.Pass(TimeSpan.FromMilliseconds(30));
            quiet = worked ? 0 : quiet + 1;
        } while (quiet < 2);
        _calm = calm;
    }

    /// <summary>The process ends as if the power had gone, and another begins: with the live generation's build where the promotion is complete.</summary>
    private void Restart()
    {
        var registry = Registry;
        if (registry.Deciding.Count() == 1)
        {
            _deployed = _versions[registry.Live];
        }
        Note($"restart with version {_deployed}");
        _runtime.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _watched.Clear();
        _runtime = Begin();
    }

    private Runtime Begin()
    {
        var runtime = new Runtime(
            Notes.Versions[_deployed],
            new MillraceOptions { Partitions = Partitions },
            _engine,
            [],
            new Dictionary<Type, object>(),
            new NoServices(),
            _clock,
            NullLogger.Instance
        );
        runtime.Generations.Candidate = Notes.Versions[CandidateVersion];
        runtime.PrepareAsync(None).GetAwaiter().GetResult();
        return runtime;
    }

    private int CandidateVersion => (_deployed + 1) % Notes.Versions.Count;

    private ProcessorGroup Watched(ProcessorGroup group)
    {
        if (!_watched.TryGetValue(group, out var watched))
        {
            watched = new ProcessorGroup
            {
                Name = group.Name,
                Inputs = group.Inputs,
                Create = partition => new Mortal(group.Create(partition), this),
                Faulted = static (_, _) => { },
                MaxBatch = _random.Next(1, 6),
            };
            _watched.Add(group, watched);
        }
        return watched;
    }

    private void Note(string what) => _story.AppendLine(what);

    private sealed class Killed : Exception;

    /// <summary>A processor that may be killed with its transaction: before it has done anything, or before the commit.</summary>
    private sealed class Mortal(IProcessor inner, Cutover cutover) : IProcessor
    {
        public async ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
        {
            var fate = cutover._calm ? 99 : cutover._random.Next(30);
            if (fate == 0)
            {
                throw new Killed();
            }
            var progress = await inner.ProcessAsync(batch, transaction, cancellation);
            return fate == 1 ? throw new Killed() : progress;
        }

        public void Committed() => inner.Committed();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Clock : TimeProvider
    {
        private static readonly DateTimeOffset Begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private TimeSpan _passed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Pass(TimeSpan time) => _passed += time;

        public override DateTimeOffset GetUtcNow() => Begin + _passed;

        public override long GetTimestamp() => _passed.Ticks;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
