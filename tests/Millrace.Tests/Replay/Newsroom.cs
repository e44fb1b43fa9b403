using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Parcels;

namespace Millrace.Tests.Replay;

/// <summary>The notes as they run in production: threads, the wall clock, and commands that keep coming until it is told to stop.</summary>
internal sealed class Newsroom : IAsyncDisposable
{
    private readonly IEngine _engine;
    private readonly int _partitions;
    private readonly Dictionary<int, int> _versions;
    private readonly CancellationTokenSource _stop = new();
    private readonly IAppender _teller;
    private int _told;
    private Task _running = Task.CompletedTask;

    public Newsroom(IEngine engine, int version, int? candidate, int partitions = 2, Dictionary<int, int>? versions = null, int told = 0)
    {
        _engine = engine;
        _partitions = partitions;
        _versions = versions ?? new() { [1] = version };
        _told = told;
        _teller = engine.OpenAppender("teller");
        Runtime = new Runtime(
            Notes.Versions[version],
            new MillraceOptions { Partitions = partitions },
            engine,
            [],
            new Dictionary<Type, object>(),
            new NoServices(),
            TimeProvider.System,
            NullLogger.Instance
        );
        Runtime.Generations.Candidate = candidate is { } number ? Notes.Versions[number] : null;
    }

    public Runtime Runtime { get; }

    public Generations Generations => Runtime.Generations;

    /// <summary>Which version each generation is.</summary>
    public Dictionary<int, int> Versions => _versions;

    public int Told => _told;

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async Task<Newsroom> StartAsync()
    {
        _running = Runtime.RunAsync(_stop.Token);
        await Runtime.Started.WaitAsync(Cancellation);
        return this;
    }

    /// <summary>So many commands, in small transactions.</summary>
    public async Task TellAsync(int commands)
    {
        var random = new Random(_told);
        for (var left = commands; left > 0; )
        {
            var transaction = _teller.Begin();
            for (var one = Math.Min(left, random.Next(1, 8)); one > 0; one--, left--)
            {
                NoteLogs.Tell(transaction, _partitions, $"{random.Next(1, 50)}", ++_told, native: random.Next(4) == 0);
            }
            await _teller.CommitAsync(transaction, durable: false, Cancellation);
        }
    }

    /// <summary>Begins the candidate's generation and waits until it has caught up.</summary>
    public async Task<int> ShadowAsync(int version)
    {
        var shadow = (await Generations.StartAsync(100, null, "test", Cancellation)).Number;
        _versions[shadow] = version;
        await Until(() => Generations.Status().Generations.Single(one => one.Number == shadow).Lag == 0);
        return shadow;
    }

    public Task SettledAsync() => Until(() => !Generations.Unsettled().Any(), () => string.Join('\n', Generations.Unsettled()));

    /// <summary>Waits until everything is decided and reacted to, and says what is wrong.</summary>
    public async Task<string?> WrongAsync()
    {
        await Until(() =>
            Runtime
                .Groups.Where(group => !group.Name.EndsWith(".executor", StringComparison.Ordinal))
                .All(group =>
                    group.Inputs.All(input =>
                        Enumerable
                            .Range(0, _partitions)
                            .All(partition =>
                            {
                                var source = new TopicPartition(input, partition);
                                using var reader = _engine.Read(source, 0);
                                return _engine.CommittedOffset(group.Name, source) >= reader.End;
                            })
                    )
                )
        );
        return new NoteLogs(_engine, _partitions, _versions).Wrong(Generations.Registry);
    }

    public static async Task Until(Func<bool> wanted, Func<string>? why = null)
    {
        using var turns = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var deadline = DateTimeOffset.UtcNow.AddMinutes(2);
        while (!wanted())
        {
            Assert.True(
                DateTimeOffset.UtcNow < deadline,
                $"It has not come about in two minutes. {(DateTimeOffset.UtcNow < deadline ? "" : why?.Invoke())}"
            );
            await turns.WaitForNextTickAsync(Cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Runtime.DisposeAsync();
        await _teller.DisposeAsync();
        _stop.Dispose();
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
