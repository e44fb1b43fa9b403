using System.Globalization;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <content>The moves from one generation to another. Each is one commit: the registry, and a fence in every partition where one is needed.</content>
internal sealed partial class Generations
{
    /// <summary>A shadow that is further behind than this is not promoted: for so long no reader would hear anything new.</summary>
    public const long MostLag = 1_000;

    private readonly Dictionary<int, string> _failed = [];

    /// <summary>What ended a generation's groups; null once they run again.</summary>
    public void Failed(int number, string? why)
    {
        lock (_gate)
        {
            if (why is null)
            {
                _failed.Remove(number);
            }
            else
            {
                _failed[number] = why;
            }
        }
    }

    /// <summary>Begins a generation of the candidate's code in the shadow: it decides every recorded command from the first on, and nobody reads what it publishes.</summary>
    /// <param name="share">The share of each partition's time it may take, in percent.</param>
    /// <param name="pauseAtLag">It pauses while a partition of the live one is this many commands behind; null for never.</param>
    /// <param name="by">Who.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ReplayException">There is no candidate, or another generation is on its way.</exception>
    public async Task<Generation> StartAsync(int share, long? pauseAtLag, string? by, CancellationToken cancellation)
    {
        if (share is < 1 or > 100)
        {
            throw new ReplayException($"A share is 1 to 100 percent of each partition's time, not {share}.");
        }
        var candidate =
            _candidate
            ?? throw new ReplayException(
                "There is no candidate: give the new build as Millrace:Candidate (the path of its assembly), or in code with UseCandidate(topology)."
            );
        RequireRoom();
        await CreateTopicsAsync(new Registry(0, 0, int.MaxValue, 0, [new(Registry.Last + 1, GenerationRole.Shadow, "")]), cancellation)
            .ConfigureAwait(false);
        var changed = await ChangeAsync(
                now =>
                {
                    if (now.Deciding.FirstOrDefault(generation => generation.Number != now.Live) is { } other)
                    {
                        throw new ReplayException(
                            other.Role == GenerationRole.Shadow
                                ? $"Generation {other.Number} is in the shadow already: promote it, or abandon it."
                                : $"Generation {other.Number} is kept to go back to: complete the promotion first."
                        );
                    }
                    var next = new Generation(now.Last + 1, GenerationRole.Shadow, candidate.Code)
                    {
                        Deployed = false,
                        Share = share,
                        PauseAtLag = pauseAtLag,
                        Started = _runtime.Clock.GetUtcNow(),
                        By = by,
                    };
                    return now.With(next) with { Last = next.Number };
                },
                cancellation
            )
            .ConfigureAwait(false);
        var shadow = changed.Find(GenerationRole.Shadow)!;
        Log.GenerationMoved(_log, shadow.Number, "started in the shadow", by ?? "local", $"Its code is {shadow.Code}.");
        return shadow;
    }

    /// <summary>Changes how a shadow is throttled.</summary>
    public Task ThrottleAsync(int number, int share, long? pauseAtLag, CancellationToken cancellation) =>
        share is < 1 or > 100
            ? throw new ReplayException($"A share is 1 to 100 percent of each partition's time, not {share}.")
            : ChangeAsync(
                now =>
                    now.Find(number) is { Role: GenerationRole.Shadow } shadow
                        ? now.With(shadow with { Share = share, PauseAtLag = pauseAtLag })
                        : throw new ReplayException($"Generation {number} is not in the shadow."),
                cancellation
            );

    /// <summary>
    /// Makes a shadow the live generation, at one position in each partition of the command logs: up to there everybody reads what the old one decides,
    /// from there on what the new one does.
    /// </summary>
    /// <param name="number">The shadow.</param>
    /// <param name="force">Whether what speaks against it was seen and does not matter; what makes it impossible does all the same.</param>
    /// <param name="reason">Why.</param>
    /// <param name="by">Who.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ReplayException">Something speaks against it; all of it is listed.</exception>
    public async Task PromoteAsync(int number, bool force, string reason, string? by, CancellationToken cancellation)
    {
        Refresh();
        if (Registry.Find(number) is not { Role: GenerationRole.Shadow })
        {
            throw new ReplayException(NotIn(number, GenerationRole.Shadow));
        }
        if (!force && Against(number) is { Count: > 0 } against)
        {
            throw new ReplayException(against);
        }
        await MoveAsync(number, GenerationRole.Shadow, reason, by, cancellation).ConfigureAwait(false);
        Log.GenerationMoved(_log, number, "promoted", by ?? "local", reason);
    }

    /// <summary>Makes the generation that was live before live again, at one position in each partition. The other goes on in the shadow.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="by">Who.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ReplayException">There is none to go back to, or the promotion has not been through every partition yet.</exception>
    public async Task RollBackAsync(string reason, string? by, CancellationToken cancellation)
    {
        Refresh();
        var old =
            Registry.Find(GenerationRole.Retiring)
            ?? throw new ReplayException("There is no generation to go back to: nothing was promoted, or the promotion is complete.");
        await MoveAsync(old.Number, GenerationRole.Retiring, reason, by, cancellation).ConfigureAwait(false);
        Log.GenerationMoved(_log, old.Number, "made live again", by ?? "local", reason);
    }

    /// <summary>Ends the generation that was kept to go back to. Nothing brings it back.</summary>
    /// <exception cref="ReplayException">There is none, or the promotion has not been through every partition yet.</exception>
    public async Task<DroppedGeneration> CompleteAsync(string? by, CancellationToken cancellation)
    {
        Refresh();
        var old =
            Registry.Find(GenerationRole.Retiring)
            ?? throw new ReplayException("There is no promotion to complete: no generation is kept to go back to.");
        RequireSettled();
        await ChangeAsync(
                now =>
                    now.Find(old.Number) is { Role: GenerationRole.Retiring } known
                        ? now.With(known with { Role = GenerationRole.Dropping })
                        : throw new ReplayException(NotIn(old.Number, GenerationRole.Retiring)),
                cancellation
            )
            .ConfigureAwait(false);
        Log.GenerationMoved(_log, old.Number, "dropped", by ?? "local", "The promotion is complete.");
        return Dropped(old.Number);
    }

    /// <summary>Ends a shadow. Nobody has read anything of it.</summary>
    /// <exception cref="ReplayException">There is no shadow of that number, or it was live and has not passed the fence yet.</exception>
    public async Task<DroppedGeneration> AbandonAsync(int number, string? by, CancellationToken cancellation)
    {
        Refresh();
        if (Registry.Find(number) is not { Role: GenerationRole.Shadow } shadow)
        {
            throw new ReplayException(NotIn(number, GenerationRole.Shadow));
        }
        // One that was live and gone back from still has to hand on what it decided before the fence.
        if (Unsettled().ToList() is { Count: > 0 } unsettled && shadow.WasLive)
        {
            throw new ReplayException(unsettled);
        }
        await ChangeAsync(
                now =>
                    now.Find(number) is { Role: GenerationRole.Shadow } known
                        ? now.With(known with { Role = GenerationRole.Dropping })
                        : throw new ReplayException(NotIn(number, GenerationRole.Shadow)),
                cancellation
            )
            .ConfigureAwait(false);
        Log.GenerationMoved(_log, number, "abandoned", by ?? "local", "Nobody had read anything of it.");
        return Dropped(number);
    }

    /// <summary>Forgets those that have ended and whose state is deleted.</summary>
    public async Task ForgetDroppedAsync(CancellationToken cancellation)
    {
        foreach (var gone in Registry.Generations.Where(generation => generation.Role == GenerationRole.Dropping))
        {
            if (Droppers(gone.Number).All(IsEmpty))
            {
                await ChangeAsync(
                        now => now.Find(gone.Number) is { Role: GenerationRole.Dropping } ? now.Without(gone.Number) : now,
                        cancellation
                    )
                    .ConfigureAwait(false);
            }
        }

        bool IsEmpty(ProcessorGroup group) =>
            Enumerable
                .Range(0, group.Inputs[0].Partitions)
                .All(partition =>
                {
                    using var cursor = _engine.OpenState(group.Name, partition).Range([], []);
                    return !cursor.MoveNext();
                });
    }

    /// <summary>What speaks against promoting a shadow now.</summary>
    public IReadOnlyList<string> Against(int number)
    {
        var problems = new List<string>();
        var shadow = Registry.Find(number);
        var code = shadow is null ? null : CodeOf(shadow);
        if (code is null && !_engine.IsShared)
        {
            problems.Add($"Nobody runs generation {number}: its code ({shadow?.Code}) is not here.");
        }
        var lag = LagOf(number) - LagOf(Registry.Live);
        if (lag > MostLag)
        {
            problems.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Generation {number} is {lag:N0} commands behind the live one (up to {MostLag:N0} will do): wait until it has caught up."
                )
            );
        }
        problems.AddRange(FaultsOf(number).Select(fault => $"Generation {number} has fallen over: {fault}"));
        var parked = ParkedBeyondLive(number).ToList();
        if (parked.Count > 0)
        {
            var names = string.Join(", ", parked.Take(5).Select(held => $"{held.Aggregate} {held.Entity} ({held.Reason})"));
            problems.Add(
                $"Generation {number} has parked {parked.Count} entities that the live one has not: {names}{(parked.Count > 5 ? " and others" : "")}."
            );
        }
        if (code is not null && CandidateCheck.UnknownEvents(_application, code.Topology) is { Count: > 0 } unknown)
        {
            problems.Add(
                $"Views and reactions of this build do not know the events {string.Join(", ", unknown)}, and would park what gets them. Deploy a build first that declares them (published by nobody yet)."
            );
        }
        return problems;
    }

    /// <summary>Entities that a generation has parked and the live one has not.</summary>
    public IEnumerable<HeldEntityInfo> ParkedBeyondLive(int number)
    {
        var live = HeldReader.Read(_runtime, Registry.Live).Where(held => held.Parked).Select(Name).ToHashSet();
        return HeldReader.Read(_runtime, number).Where(held => held.Parked && !live.Contains(Name(held)));

        static (string, string) Name(HeldEntityInfo held) => (held.Aggregate, held.Entity);
    }

    /// <summary>What a generation's groups threw and have not got over.</summary>
    public IEnumerable<string> FaultsOf(int number)
    {
        lock (_gate)
        {
            return
            [
                .. _failed.TryGetValue(number, out var why) ? [why] : Array.Empty<string>(),
                .. _application.Topology.Aggregates.SelectMany(aggregate => _runtime.Faults(_application.DecideGroup(aggregate, number))),
            ];
        }
    }

    /// <summary>Which partitions have not got through the last fence yet, each with why.</summary>
    public IEnumerable<string> Unsettled()
    {
        var registry = Registry;
        foreach (var generation in registry.Deciding.Where(generation => generation.Number == registry.Live || generation.WasLive))
        {
            foreach (var (aggregate, partition) in Partitions())
            {
                var group = _application.DecideGroup(aggregate, generation.Number);
                var state = OutletState.Read(_engine.OpenState(group, partition));
                if (state.Live != registry.Live)
                {
                    yield return $"{group}[{partition}] has not come to the fence yet ({Lag(aggregate, partition, generation.Number)} commands behind).";
                }
                else if (state.IsWaiting)
                {
                    yield return $"{group}[{partition}] has {state.Tail - state.Head} events and outcomes that are not handed on yet.";
                }
            }
        }
    }

    private async Task MoveAsync(int number, GenerationRole from, string reason, string? by, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        // A fence says from where on to write; whether the fence before has been through is known only when everybody has.
        var fences = Registry.Fences;
        RequireSettled();
        if (_runtime.Moving().ToList() is { Count: > 0 } moving)
        {
            throw new ReplayException(
                $"Entities are still moving to partitions that were added ({string.Join(", ", moving.Select(at => $"{at.Aggregate} {at.Partition}"))}): ask again when they have arrived."
            );
        }
        await CreateTopicsAsync(Registry, cancellation).ConfigureAwait(false);
        await ChangeAsync(
                (now, transaction) =>
                {
                    if (now.Find(number) is not { } next || next.Role != from || now.Fences != fences)
                    {
                        throw new ReplayException(NotIn(number, from));
                    }
                    var old = now.Find(now.Live)!;
                    AppendFences(transaction, new FenceRecord(number, now.Live, next.Code, reason, by));
                    return now.With(
                            old with
                            {
                                Role = from == GenerationRole.Shadow ? GenerationRole.Retiring : GenerationRole.Shadow,
                                WasLive = true,
                            }
                        )
                        .With(next with { Role = GenerationRole.Live }) with
                    {
                        Live = number,
                        Fences = fences + 1,
                    };
                },
                cancellation
            )
            .ConfigureAwait(false);
    }

    private void AppendFences(ITransaction transaction, FenceRecord fence)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(fence, MillraceJson.Default.FenceRecord);
        var headers = LogHeads.Headers(Controls.Fence, $"fence-{fence.From}-{fence.Generation}-{Guid.NewGuid():N}");
        var now = Instants.Of(_runtime.Clock.GetUtcNow());
        foreach (var (aggregate, partition) in Partitions())
        {
            transaction.Append(new TopicPartition(_application.Commands(aggregate), partition), now, default, headers, body);
        }
    }

    /// <summary>A second state and a second event log need about as much as the first; where the engine knows how much there is, it is asked before.</summary>
    private void RequireRoom()
    {
        var groups = _application.Topology.Aggregates.Select(aggregate => _application.DecideGroup(aggregate)).ToList();
        if (_engine.RoomFor(groups) is not { } room)
        {
            return;
        }
        var logs = Partitions().Sum(at => LogBytes(new TopicPartition(_application.Events(at.Aggregate), at.Partition)));
        var need = room.StateBytes + logs;
        if (need > room.FreeBytes)
        {
            throw new ReplayException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"There is not enough room for a second state and event log: about {need >> 20:N0} MB are needed ({room.StateBytes >> 20:N0} MB of state, {logs >> 20:N0} MB of events), and {room.FreeBytes >> 20:N0} MB are free beyond the reserve. Make room on the disk, or move the folder to a larger one."
                )
            );
        }
    }

    /// <summary>About how much a log takes, by its last records.</summary>
    private long LogBytes(TopicPartition log)
    {
        const int Sample = 200;
        var end = End(log);
        using var reader = _engine.Read(log, Math.Max(0, end - Sample));
        if (!reader.TryRead(Sample, out var batch))
        {
            return 0;
        }
        long bytes = 0;
        foreach (ref readonly var record in batch.Records.Span)
        {
            bytes += record.Key.Length + record.Headers.Length + record.Value.Length;
        }
        return bytes * end / batch.Records.Length;
    }

    private void RequireSettled()
    {
        if (Unsettled().ToList() is { Count: > 0 } unsettled)
        {
            throw new ReplayException([
                "The last change of generations has not been through every partition yet; ask again in a moment.",
                .. unsettled,
            ]);
        }
    }

    private DroppedGeneration Dropped(int number) =>
        new(
            number,
            [.. _application.Topology.Aggregates.Select(aggregate => _application.DecideGroup(aggregate, number))],
            [
                .. _application.Topology.Aggregates.SelectMany(aggregate =>
                    new[] { _application.OwnEvents(aggregate, number).Name, _application.OwnOutcomes(aggregate, number).Name }
                ),
            ]
        );

    private string NotIn(int number, GenerationRole role) =>
        Registry.Find(number) is { } known
            ? $"Generation {number} is {Word(known.Role)}, not {Word(role)}."
            : $"There is no generation {number}.";

    private static string Word(GenerationRole role) =>
        role switch
        {
            GenerationRole.Live => "live",
            GenerationRole.Shadow => "in the shadow",
            GenerationRole.Dropping => "ending",
            _ => "kept to go back to",
        };

    private IEnumerable<(AggregateDefinition Aggregate, int Partition)> Partitions() =>
        _application.Topology.Aggregates.SelectMany(aggregate =>
            Enumerable.Range(0, _application.Commands(aggregate).Partitions).Select(partition => (aggregate, partition))
        );

    private long Lag(AggregateDefinition aggregate, int partition, int generation)
    {
        var commands = new TopicPartition(_application.Commands(aggregate), partition);
        return Math.Max(0, End(commands) - _engine.CommittedOffset(_application.DecideGroup(aggregate, generation), commands));
    }
}

/// <summary>What a generation that was dropped leaves behind: its logs, which nobody reads or writes any more.</summary>
/// <param name="Number">The generation.</param>
/// <param name="Groups">The groups whose state is deleted.</param>
/// <param name="Logs">Its own logs.</param>
internal sealed record DroppedGeneration(int Number, IReadOnlyList<string> Groups, IReadOnlyList<string> Logs);
