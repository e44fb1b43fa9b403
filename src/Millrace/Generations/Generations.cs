using System.Text.Json;
using Microsoft.Extensions.Logging;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// The generations of the deciding code: which there are, who runs here, and the way from one to another. It knows no engine: what it decides is
/// written together, the registry and a fence in every partition of the command logs, and every decider goes by the fences alone.
/// </summary>
internal sealed partial class Generations : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly Runtime _runtime;
    private readonly Application _application;
    private readonly IEngine _engine;
    private readonly ILogger _log;
    private readonly string _code;
    private readonly Lock _gate = new();
    private readonly AsyncPulse _changed = new();
    private readonly Lock _reading = new();
    private readonly Dictionary<GroupsOf, IReadOnlyList<ProcessorGroup>> _groups = [];
    private (Application Application, string Code)? _candidate;
    private Registry _registry;
    private ILogReader? _changes;

    public Generations(Runtime runtime, ILogger log)
    {
        _runtime = runtime;
        _application = runtime.Application;
        _engine = runtime.Engine;
        _log = log;
        _code = CodeHash.Of(_application.Topology);
        _registry = Registry.First(_code);
        Arrange();
    }

    /// <summary>Which there are, as last read.</summary>
    public Registry Registry
    {
        get
        {
            lock (_gate)
            {
                return _registry;
            }
        }
    }

    /// <summary>What this process runs, the live one first.</summary>
    public IReadOnlyList<ProcessorGroup> Groups
    {
        get
        {
            lock (_gate)
            {
                return
                [
                    .. _groups
                        .OrderBy(entry => entry.Key.Kind)
                        .ThenBy(entry => entry.Key.Number == _registry.Live ? 0 : 1)
                        .ThenBy(entry => entry.Key.Number)
                        .SelectMany(entry => entry.Value),
                ];
            }
        }
    }

    /// <summary>Code beside the application's own, for a generation that is not deployed; null for none.</summary>
    /// <exception cref="ReplayException">The recorded commands cannot be run through it.</exception>
    public Topology? Candidate
    {
        get => _candidate?.Application.Topology;
        set
        {
            if (value is not null && CandidateCheck.Problems(_application, value) is { Count: > 0 } problems)
            {
                throw new ReplayException(problems);
            }
            lock (_gate)
            {
                var code = value is null ? null : CodeHash.Of(value);
                if (
                    _candidate is { } old
                    && old.Code != code
                    && old.Code != _code
                    && _registry.Deciding.FirstOrDefault(generation => generation.Code == old.Code) is { } used
                )
                {
                    throw new ReplayException(
                        $"The candidate that is loaded is the code of generation {used.Number} ({used.Role}), which runs on it. Abandon or complete it first."
                    );
                }
                _candidate = value is null
                    ? null
                    : (new Application(value, _application.Partitions, _application.Source) { Map = _application.Map }, code!);
                Arrange();
            }
            _changed.Pulse();
        }
    }

    /// <summary>Reads what was decided before, and refuses to run code that is not the live generation's.</summary>
    /// <exception cref="MillraceStartException">The live generation's code is not here.</exception>
    public async Task PrepareAsync(CancellationToken cancellation)
    {
        await _engine.CreateTopicsAsync([_application.Generations], cancellation).ConfigureAwait(false);
        if (Read() is not { } registry)
        {
            return;
        }
        var live = registry.Find(registry.Live)!;
        if (CodeOf(live) is null)
        {
            if (!live.Deployed || registry.Generations.Any(generation => generation.Code == _code))
            {
                throw new MillraceStartException(_application.Topology.Name, [NotItsCode(live)]);
            }
            // Deployed code changes as ever; the heads of the logs say so.
            registry = await ChangeAsync(now => now.With(live with { Code = _code }), cancellation).ConfigureAwait(false);
        }
        else if (live.Code == _code && !live.Deployed)
        {
            registry = await ChangeAsync(now => now.With(live with { Deployed = true }), cancellation).ConfigureAwait(false);
        }
        await CreateTopicsAsync(registry, cancellation).ConfigureAwait(false);
        Take(registry);
    }

    /// <summary>The numbers of all generations that are recorded.</summary>
    public IReadOnlyList<int> Numbers() => [.. (Read() ?? Registry).Generations.Select(generation => generation.Number)];

    /// <summary>Partitions were added to the command logs: every group is made anew, with all of them.</summary>
    public void Regroup()
    {
        lock (_gate)
        {
            if (_candidate is { } candidate)
            {
                candidate.Application.Map = _application.Map;
            }
            _groups.Clear();
            Arrange();
        }
        _changed.Pulse();
    }

    /// <summary>Runs what there is to run, and follows what changes, until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellation) =>
        new GenerationRunner(this, _engine, _runtime.Clock, _log).RunAsync(cancellation);

    /// <summary>Looks again what was decided, here or in another process.</summary>
    public void Refresh()
    {
        if (Read() is { } registry)
        {
            Take(registry);
        }
    }

    public void Dispose()
    {
        lock (_reading)
        {
            _changes?.Dispose();
        }
    }

    /// <summary>Waits until something may have changed. Take it before looking.</summary>
    public Task ChangedAsync(CancellationToken cancellation)
    {
        var next = _changed.Next;
        return (_engine.IsShared || Registry.Generations.Count > 1 ? Task.WhenAny(next, Task.Delay(Look, cancellation)) : next).WaitAsync(
            cancellation
        );
    }

    /// <summary>The groups of each generation that runs here.</summary>
    public IReadOnlyDictionary<GroupsOf, IReadOnlyList<ProcessorGroup>> ByGeneration
    {
        get
        {
            lock (_gate)
            {
                return new Dictionary<GroupsOf, IReadOnlyList<ProcessorGroup>>(_groups);
            }
        }
    }

    /// <summary>Keeps a shadow from taking more than it was given.</summary>
    public IProcessor Throttled(IProcessor decider, Application code, AggregateDefinition aggregate, int partition, int generation)
    {
        var commands = new TopicPartition(code.Commands(aggregate), partition);
        return new Throttle(
            decider,
            _runtime.Clock,
            () => Registry.Find(generation) is { Role: GenerationRole.Shadow } shadow ? shadow : null,
            () => End(commands) - _engine.CommittedOffset(_application.DecideGroup(aggregate), commands)
        );
    }

    /// <summary>Reads what changed since it was last read; null where nothing has.</summary>
    private Registry? Read()
    {
        lock (_reading)
        {
            _changes ??= _engine.Read(new TopicPartition(_application.Generations, 0), 0);
            Registry? last = null;
            while (_changes.TryRead(64, out var batch))
            {
                last = JsonSerializer.Deserialize(batch.Records.Span[^1].Value.Span, MillraceJson.Default.Registry);
            }
            return last;
        }
    }

    private void Take(Registry registry)
    {
        lock (_gate)
        {
            // What was just changed here may be read later than it was written.
            if (registry.Version < _registry.Version)
            {
                return;
            }
            _registry = registry;
            _application.Live = registry.Live;
            Arrange();
        }
        _changed.Pulse();
    }

    /// <summary>Makes the groups of what runs here from now on, and leaves those that ran before as they are.</summary>
    private void Arrange()
    {
        var wanted = new Dictionary<GroupsOf, Func<IEnumerable<ProcessorGroup>>>();
        foreach (var gone in _registry.Generations.Where(generation => generation.Role == GenerationRole.Dropping))
        {
            wanted[new(gone.Number, GroupKind.Drop)] = () => Droppers(gone.Number);
        }
        foreach (var generation in _registry.Deciding)
        {
            if (CodeOf(generation) is not { } code)
            {
                continue;
            }
            wanted[new(generation.Number, GroupKind.Decide)] = () =>
                code.Topology.Aggregates.Select(aggregate => _runtime.Deciders(code, aggregate, generation));
            if (generation.Role == GenerationRole.Shadow)
            {
                wanted[new(generation.Number, GroupKind.Compare)] = () =>
                    code.Topology.Aggregates.Select(aggregate => Comparers(code, aggregate, generation.Number));
            }
        }
        foreach (var gone in _groups.Keys.Where(key => !wanted.ContainsKey(key)).ToList())
        {
            _groups.Remove(gone);
        }
        foreach (var (key, make) in wanted.Where(entry => !_groups.ContainsKey(entry.Key)))
        {
            _groups[key] = [.. make()];
        }
    }

    private ProcessorGroup Comparers(Application code, AggregateDefinition aggregate, int generation)
    {
        var name = code.CompareGroup(aggregate, generation);
        return new ProcessorGroup
        {
            Name = name,
            Inputs = [code.OwnEvents(aggregate, generation), code.OwnOutcomes(aggregate, generation)],
            Create = partition => new CompareProcessor(_engine, code, aggregate, generation, partition),
            Faulted = (partition, failure) => Log.ProcessorFaulted(_log, name, partition, failure),
        };
    }

    private IEnumerable<ProcessorGroup> Droppers(int generation)
    {
        foreach (var aggregate in _application.Topology.Aggregates)
        {
            yield return Dropper(_application.DecideGroup(aggregate, generation), _application.Commands(aggregate));
            if (generation != Application.Generation)
            {
                yield return Dropper(_application.CompareGroup(aggregate, generation), _application.OwnEvents(aggregate, generation));
            }
        }
    }

    private ProcessorGroup Dropper(string name, Topic input) =>
        new()
        {
            Name = name,
            Inputs = [input],
            Create = static _ => new DropProcessor(),
            Faulted = (partition, failure) => Log.ProcessorFaulted(_log, name, partition, failure),
        };

    /// <summary>The code that a generation is made by, where this process has it.</summary>
    private Application? CodeOf(Generation generation) =>
        generation.Code == _code ? _application
        : _candidate is { } candidate && generation.Code == candidate.Code ? candidate.Application
        : null;

    private string NotItsCode(Generation live) =>
        $"Generation {live.Number} is live, made by the code {live.Code}, and this build has the code {_code}"
        + (_candidate is { } candidate ? $", its candidate {candidate.Code}" : "")
        + ". Deploy the build that was promoted; or start this one with that build as its candidate (Millrace:Candidate), to go back with \"replay rollback\".";

    /// <summary>Changes the registry, and nothing else.</summary>
    private Task<Registry> ChangeAsync(Func<Registry, Registry> change, CancellationToken cancellation) =>
        ChangeAsync((now, _) => change(now), cancellation);

    /// <summary>Changes the registry and whatever belongs to it, at once; another process may have changed it meanwhile.</summary>
    private async Task<Registry> ChangeAsync(Func<Registry, ITransaction, Registry> change, CancellationToken cancellation)
    {
        Registry? changed = null;
        while (changed is null)
        {
            changed = await _engine
                .DecideAsync<Registry?>(
                    _application.GenerationsAppender,
                    transaction =>
                    {
                        var now = transaction.TryGet(Registry.Key, out var stored)
                            ? JsonSerializer.Deserialize(stored, MillraceJson.Default.Registry)!
                            : Registry.First(_code);
                        if (now.Version < Registry.Version)
                        {
                            // Another process has written since this one did. A commit finds that out, and what is there now.
                            transaction.Put(Registry.LookKey, stored);
                            return (true, null);
                        }
                        var next = change(now, transaction) with { Version = now.Version + 1 };
                        var json = JsonSerializer.SerializeToUtf8Bytes(next, MillraceJson.Default.Registry);
                        transaction.Put(Registry.Key, json);
                        transaction.Append(
                            new TopicPartition(_application.Generations, 0),
                            Instants.Of(_runtime.Clock.GetUtcNow()),
                            default,
                            default,
                            json
                        );
                        return (true, next);
                    },
                    cancellation
                )
                .ConfigureAwait(false);
        }
        Take(changed);
        return changed;
    }

    /// <summary>Each generation's own logs; the first one has some once there is another.</summary>
    private async ValueTask CreateTopicsAsync(Registry registry, CancellationToken cancellation)
    {
        if (_application.Map.Epoch > 1)
        {
            await _engine
                .AddPartitionsAsync(
                    [
                        .. registry.Generations.SelectMany(generation =>
                            _application.Topology.Aggregates.Select(aggregate => _application.Handover(aggregate, generation.Number))
                        ),
                    ],
                    cancellation
                )
                .ConfigureAwait(false);
        }
        await _engine
            .CreateTopicsAsync(
                [
                    .. registry
                        .Generations.Where(_ => registry.Last > Application.Generation)
                        .SelectMany(generation =>
                            _application.Topology.Aggregates.SelectMany(aggregate =>
                                new[]
                                {
                                    _application.OwnEvents(aggregate, generation.Number),
                                    _application.OwnOutcomes(aggregate, generation.Number),
                                }
                            )
                        ),
                ],
                cancellation
            )
            .ConfigureAwait(false);
    }

    private long End(TopicPartition log)
    {
        using var reader = _engine.Read(log, 0);
        return reader.End;
    }
}

/// <summary>Groups that are run together: a generation's deciders, what compares a shadow with the record, or what deletes the state of one that has ended.</summary>
internal readonly record struct GroupsOf(int Number, GroupKind Kind);

/// <summary>What groups of a generation do; in the order in which they take turns where they are stepped.</summary>
internal enum GroupKind
{
    Decide,
    Compare,
    Drop,
}
