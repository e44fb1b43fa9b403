using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <summary>
/// A running application: sources, deciding groups, everything below, on one engine. The host runs it; a test steps its groups on the calling
/// thread instead.
/// </summary>
internal sealed class Runtime : IErasure, IAsyncDisposable
{
    private readonly IReadOnlyList<ISource> _sources;
    private readonly IReadOnlyDictionary<Type, object> _settings;
    private readonly ConcurrentDictionary<(string Group, int Partition), DeciderCounters> _counters = new();
    private readonly ConcurrentDictionary<(string Group, int Partition), string> _faults = new();
    private readonly ConcurrentDictionary<string, string> _sourceFaults = new();
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ILogger _log;
    private readonly Ticker _ticker;
    private readonly Growth _growth;
    private readonly IReadOnlyList<ProcessorGroup> _downstream;

    public Runtime(
        Topology topology,
        MillraceOptions options,
        IEngine engine,
        IReadOnlyList<ISource> sources,
        IReadOnlyDictionary<Type, object> settings,
        IServiceProvider services,
        TimeProvider clock,
        ILogger log
    )
    {
        TopologyCheck.Require(topology);
        Application = new Application(topology, options.Partitions, sources.Count == 0 ? "" : sources[0].Name);
        Options = options;
        Engine = engine;
        Clock = clock;
        _sources = sources;
        _settings = settings;
        _log = log;
        Seals = Seals.Of(Application, engine, services);
        Captures = [.. sources.Select(source => new Capture(Application, options, engine, source.Name, clock, Seals))];
        Sender = new CommandSender(Application, engine, clock, Seals);
        DownstreamServices = new DownstreamServices
        {
            Engine = engine,
            Provider = services,
            Options = options,
            Logger = log,
            Time = clock,
            Send = Sender.SendAsync,
            Faulted = Faulted,
            Seals = Seals,
        };
        Generations = new Generations(this, log);
        _downstream = [.. Downstream.Groups(Application, DownstreamServices)];
        _growth = new Growth(
            Application,
            engine,
            clock,
            Generations,
            sources.Count == 0 ? null : Capture.AppenderOf(Application, sources[0].Name)
        );
        Operations = new DownstreamOperations(Application, DownstreamServices);
        Operator = new OperatorLog(Application, engine, clock);
        _ticker = new Ticker(Application, DownstreamServices, () => Watermark);
        foreach (var capture in Captures)
        {
            capture.Changed += _ticker.Wake;
        }
    }

    public Application Application { get; }
    public MillraceOptions Options { get; }
    public IEngine Engine { get; }
    public TimeProvider Clock { get; }
    public IReadOnlyList<Capture> Captures { get; }
    public CommandSender Sender { get; }
    public DownstreamServices DownstreamServices { get; }

    /// <summary>The keys of personal data; null where no aggregate has any.</summary>
    public Seals? Seals { get; }

    /// <summary>What operators see below the event logs.</summary>
    public DownstreamOperations Operations { get; }

    /// <summary>What operators do.</summary>
    public OperatorLog Operator { get; }

    /// <summary>Every group, in the order the water flows.</summary>
    public IReadOnlyList<ProcessorGroup> Groups => [.. Generations.Groups, .. _downstream];

    /// <summary>The generations of the deciding code, and what can be done with them.</summary>
    public Generations Generations { get; }

    /// <summary>Completes when everything runs; fails with what stood in the way.</summary>
    public Task Started => _started.Task;

    public ICommands Commands => Sender;

    public IView<TDocument> View<TDocument>()
        where TDocument : class => Downstream.Reader<TDocument>(Application, DownstreamServices);

    /// <summary>The watermark that ticks carry: what the sources have read, and the wall clock where there is no source.</summary>
    public long Watermark
    {
        get
        {
            if (!Options.FollowWallClock)
            {
                return Captures.Count == 0 ? long.MinValue : Captures.Min(capture => capture.LatestTime);
            }
            var now = Instants.Of(Clock.GetUtcNow());
            return Captures.Count == 0 ? now : Captures.Min(capture => Math.Min(now, capture.Status.Watermark ?? long.MinValue));
        }
    }

    /// <summary>Creates topics, refuses a topology that the recorded data cannot follow, and writes what changed of code and settings into the logs.</summary>
    /// <exception cref="MillraceStartException">Something stands in the way; all of it is listed.</exception>
    public async Task PrepareAsync(CancellationToken cancellation)
    {
        var aggregates = Application.Topology.Aggregates;
        if (Engine.IsShared && Seals is { KeepsKeys: true })
        {
            throw new MillraceStartException(
                Application.Topology.Name,
                [
                    $"The aggregate \"{aggregates.First(aggregate => aggregate.IsPersonal).Name}\" is personal, and several processes share the engine: the keys of entities must be kept where all of them see at once what was dropped. Register an IEntityKeys.",
                ]
            );
        }
        var changes = await Fingerprint
            .CheckAsync(Engine, Application, _sources.Select(source => source.Name), cancellation)
            .ConfigureAwait(false);
        if (changes.Count > 0)
        {
            throw new MillraceStartException(Application.Topology.Name, changes);
        }
        await UseAsync(await _growth.ReadAsync(cancellation).ConfigureAwait(false), cancellation).ConfigureAwait(false);
        await Engine
            .CreateTopicsAsync(
                [
                    .. aggregates.SelectMany(aggregate =>
                        new[] { Application.Commands(aggregate), Application.Events(aggregate), Application.Outcomes(aggregate) }
                    ),
                    .. Downstream.Topics(Application),
                ],
                cancellation
            )
            .ConfigureAwait(false);
        await Generations.PrepareAsync(cancellation).ConfigureAwait(false);
        await new LogHeads(Application, Engine, Clock).WriteAsync(_settings, cancellation).ConfigureAwait(false);
    }

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await PrepareAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            _started.TrySetException(failure);
            throw;
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = new List<Task>();
        foreach (var aggregate in Application.Topology.Aggregates)
        {
            for (var partition = 0; partition < Application.Partitions; partition++)
            {
                var of = partition;
                var name = Application.Outcomes(aggregate).Name;
                running.Add(
                    Task.Run(
                        () => KeepAsync(name, of, token => Sender.AnswerAsync(aggregate, of, token), stop.Token),
                        CancellationToken.None
                    )
                );
            }
        }
        running.Add(KeepAsync(Application.Generations.Name, 0, Generations.RunAsync, stop.Token));
        running.AddRange(_downstream.Select(group => KeepAsync(group.Name, -1, token => Engine.RunAsync(group, token), stop.Token)));
        running.Add(WatchGrowthAsync(stop.Token));
        running.Add(_ticker.RunAsync(stop.Token));
        running.AddRange(_sources.Zip(Captures, (source, capture) => SuperviseAsync(source, capture, stop.Token)));
        running.AddRange(Captures.Select(capture => capture.ShareAsync(stop.Token)));
        running.AddRange(Captures.Select(capture => capture.FenceAsync(stop.Token)));
        Log.Started(_log, Application.Topology.Name, Application.Partitions, Groups.Count);
        _started.TrySetResult();
        await WaitAsync(running, stop).ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Adds partitions to the command logs, while everything goes on.</summary>
    /// <param name="partitions">How many each is to have.</param>
    /// <param name="cancellation">Gives up; what was begun is finished by the next start, or by asking again.</param>
    /// <exception cref="ArgumentException">It cannot be done; the message says why.</exception>
    public async Task GrowAsync(int partitions, CancellationToken cancellation) =>
        await UseAsync(await _growth.AddAsync(partitions, cancellation).ConfigureAwait(false), cancellation).ConfigureAwait(false);

    /// <summary>The partitions of the command logs, and which still wait for their entities.</summary>
    public PartitionsStatus Partitions() =>
        new([.. Application.Map.Counts], [.. Moving().Select(of => new MovingPartition(of.Aggregate, of.Partition))]);

    /// <summary>The partitions that were added and have not been handed everything yet.</summary>
    public IEnumerable<(string Aggregate, int Partition)> Moving() => _growth.Moving(Application.Map);

    /// <summary>Writes settings that differ from those of before into the logs.</summary>
    /// <returns>The names of those it wrote; not those that another process has written.</returns>
    public Task<IReadOnlyList<string>> ChangeSettingsAsync(IReadOnlyDictionary<Type, object> settings, CancellationToken cancellation) =>
        new LogHeads(Application, Engine, Clock).WriteSettingsAsync(settings, cancellation);

    /// <summary>Every entity that is held, and what waits behind it.</summary>
    public IEnumerable<HeldEntityInfo> Held() => HeldReader.Read(this).Concat(Operations.Parked());

    /// <summary>The rows that wait for their root.</summary>
    public IEnumerable<WaitingRows> Waiting() => WaitingReader.Read(this);

    public RuntimeStatus Status() => RuntimeStatusReader.Read(this, _sources, _counters, _faults, _sourceFaults);

    public async ValueTask DisposeAsync()
    {
        Generations.Dispose();
        await Sender.DisposeAsync().ConfigureAwait(false);
        if (Seals is not null)
        {
            await Seals.DisposeAsync().ConfigureAwait(false);
        }
        await _ticker.DisposeAsync().ConfigureAwait(false);
        foreach (var capture in Captures)
        {
            await capture.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async Task EraseAsync(string aggregate, EntityId entity, string reason, string? by, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        var definition =
            Application.Topology.Aggregates.FirstOrDefault(candidate => candidate.Name == aggregate)
            ?? throw new ArgumentException($"There is no aggregate \"{aggregate}\".", nameof(aggregate));
        if (Seals is null || !definition.IsPersonal)
        {
            throw new ArgumentException(
                $"The aggregate \"{aggregate}\" is not personal, so its records are not encrypted and cannot be erased: call .Personal() on its definition.",
                nameof(aggregate)
            );
        }
        await Seals
            .EraseAsync(definition, entity.Value, () => Operator.ErasedAsync(aggregate, entity.Value, reason, by), cancellation)
            .ConfigureAwait(false);
        Log.Erased(_log, aggregate, entity.Value, reason);
    }

    /// <summary>What decides for a generation.</summary>
    /// <param name="code">Whose code it is: the application itself, or a candidate.</param>
    /// <param name="aggregate">The aggregate, as that code has it.</param>
    /// <param name="generation">The generation.</param>
    public ProcessorGroup Deciders(Application code, AggregateDefinition aggregate, Generation generation)
    {
        var name = code.DecideGroup(aggregate, generation.Number);
        var setup = new DeciderSetup(
            code,
            Options,
            _log,
            Clock,
            partition => _counters.GetOrAdd((name, partition), static _ => new DeciderCounters()),
            Seals
        )
        {
            Generation = generation.Number,
            Outlets = (of, partition) => new Outlets(code, of, partition, generation.Number, Engine.CommittedOffset),
        };
        return new ProcessorGroup
        {
            Name = name,
            Inputs =
                code.Map.Epoch == 1 ? [code.Commands(aggregate)] : [code.Commands(aggregate), code.Handover(aggregate, generation.Number)],
            Create = partition =>
            {
                _faults.TryRemove((name, partition), out _);
                return Generations.Throttled(aggregate.CreateDecider(setup, partition), code, aggregate, partition, generation.Number);
            },
            Released = partition => _counters.TryRemove((name, partition), out _),
            Faulted = (partition, failure) => Faulted(name, partition, failure),
        };
    }

    /// <summary>What processors of a group threw last, as far as this process runs them.</summary>
    public IEnumerable<string> Faults(string group) =>
        _faults.Where(fault => fault.Key.Group == group).Select(fault => $"{group}[{fault.Key.Partition}]: {fault.Value}");

    private void Faulted(string group, int partition, Exception failure)
    {
        _faults[(group, partition)] = failure.Message;
        Log.ProcessorFaulted(_log, group, partition, failure);
    }

    /// <summary>Goes by a newer map from here on, as soon as the logs have the partitions.</summary>
    private async Task UseAsync(PartitionMap map, CancellationToken cancellation)
    {
        if (map.Epoch <= Application.Map.Epoch)
        {
            return;
        }
        await _growth.AddToLogsAsync(map, cancellation).ConfigureAwait(false);
        Application.Map = map;
        Generations.Regroup();
        Log.Grown(_log, Application.Topology.Name, map.Partitions, map.Epoch);
    }

    /// <summary>Where several processes run the application: looks for partitions that another one has added.</summary>
    private async Task WatchGrowthAsync(CancellationToken cancellation)
    {
        while (Engine.IsShared && !cancellation.IsCancellationRequested)
        {
            try
            {
                if (_growth.Look() is { } map)
                {
                    await UseAsync(map, cancellation).ConfigureAwait(false);
                }
                _faults.TryRemove((GrowthName, -1), out _);
            }
            catch (EngineException failure)
            {
                Faulted(GrowthName, -1, failure);
            }
            await Task.Delay(TimeSpan.FromSeconds(1), Clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private string GrowthName => $"{Application.Topology.Name}.partitions";

    /// <summary>A source that throws is started again, with a growing pause; what it said is shown until it goes on.</summary>
    private async Task SuperviseAsync(ISource source, Capture capture, CancellationToken cancellation)
    {
        var pause = TimeSpan.FromMilliseconds(250);
        while (!cancellation.IsCancellationRequested)
        {
            var began = Clock.GetTimestamp();
            try
            {
                await capture.RunAsync(source, cancellation).ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                pause = Clock.GetElapsedTime(began) > TimeSpan.FromMinutes(1) ? TimeSpan.FromMilliseconds(250) : pause * 2;
                pause = pause > TimeSpan.FromSeconds(30) ? TimeSpan.FromSeconds(30) : pause;
                _sourceFaults[source.Name] = failure.Message;
                capture.Report(capture.Status with { Connected = false, Problem = failure.Message, LagMicroseconds = null });
                Log.SourceStopped(_log, source.Name, failure.Message, pause, failure);
                await Task.Delay(pause, Clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _sourceFaults.TryRemove(source.Name, out _);
            }
        }
    }

    /// <summary>
    /// What an engine that others share refuses now it may grant in a moment: a broker that does not answer must not end the process. Elsewhere a refusal
    /// is a disk that failed, and ends it.
    /// </summary>
    private async Task KeepAsync(string name, int partition, Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        var pause = TimeSpan.FromMilliseconds(250);
        while (true)
        {
            try
            {
                await work(cancellation).ConfigureAwait(false);
                return;
            }
            catch (EngineException refused) when (Engine.IsShared && !cancellation.IsCancellationRequested)
            {
                Faulted(name, partition, refused);
                await Task.Delay(pause, Clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause < TimeSpan.FromSeconds(5) ? pause * 2 : pause;
            }
        }
    }

    /// <summary>Waits for everything; the first that fails stops the rest and is thrown.</summary>
    private static async Task WaitAsync(List<Task> running, CancellationTokenSource stop)
    {
        var all = running.ToList();
        Task? failed = null;
        while (all.Count > 0)
        {
            var done = await Task.WhenAny(all).ConfigureAwait(false);
            all.Remove(done);
            if (done.IsFaulted)
            {
                failed ??= done;
                await stop.CancelAsync().ConfigureAwait(false);
            }
        }
        if (failed is not null)
        {
            await failed.ConfigureAwait(false);
        }
    }
}
