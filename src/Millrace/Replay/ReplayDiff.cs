using System.Diagnostics;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>An entity that this build parks, or that the live application has parked.</summary>
internal sealed record ReplayHeld(string Aggregate, string Entity, string Command, string Reason, bool Live);

/// <summary>What a comparison of this build with the recorded logs found.</summary>
internal sealed record ReplayResult(
    ReplayTally Tally,
    long Commands,
    TimeSpan Elapsed,
    IReadOnlyList<ReplayHeld> Parked,
    IReadOnlyList<string> Notes
);

/// <summary>Runs the command logs through this build and compares what it publishes with what is recorded. Partitions run beside each other.</summary>
internal sealed class ReplayDiff(
    ReplayRun run,
    ReplaySelection selection,
    ReplayAcceptance? accepted,
    int examples,
    int threads,
    IReadOnlyDictionary<Type, object>? settings = null
)
{
    private readonly Lock _gate = new();
    private readonly ReplayTally _tally = new(accepted, examples);
    private readonly List<ReplayHeld> _parked = [];
    private readonly List<string> _notes = [];
    private long _commands;
    private long _handled;
    private long _total;

    /// <summary>How many records are handled at once.</summary>
    public int Batch { get; init; } = 8192;

    /// <summary>How many records without a partner are kept in memory, of each log.</summary>
    public int MostUnpaired { get; init; } = 200_000;

    /// <summary>How many records were handled, for whoever watches.</summary>
    public long Handled => Interlocked.Read(ref _handled);

    /// <summary>How many records there are to handle.</summary>
    public long Total => Interlocked.Read(ref _total);

    /// <exception cref="ReplayException">It cannot be run.</exception>
    public async Task<ReplayResult> RunAsync(CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        foreach (var name in selection.Entities.Select(entity => entity.Aggregate).Distinct())
        {
            run.Aggregate(name);
        }
        foreach (var added in run.Application.Topology.Aggregates.Except(run.Aggregates))
        {
            _notes.Add($"The aggregate \"{added.Name}\" is new: there are no commands of it, and nothing to compare.");
        }
        var jobs = new List<(AggregateDefinition Aggregate, int Partition, long End, Func<ReadOnlySpan<byte>, bool>? Wants)>();
        foreach (var aggregate in run.Aggregates)
        {
            if (Wanted(aggregate) is { } wanted)
            {
                for (var partition = 0; partition < run.Application.Partitions; partition++)
                {
                    var end = run.Decided(aggregate, partition);
                    _total += end;
                    jobs.Add((aggregate, partition, end, wanted.Count == 0 ? null : wanted.Has));
                }
            }
        }
        using var reactions = new ReactionReplay(run, selection, settings ?? new Dictionary<Type, object>(), _notes.Add);
        await Parallel
            .ForEachAsync(
                jobs,
                new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation },
                async (job, stop) =>
                    await PartitionAsync(job.Aggregate, job.Partition, job.End, job.Wants, reactions, stop).ConfigureAwait(false)
            )
            .ConfigureAwait(false);
        await reactions.FinishAsync(_tally, cancellation).ConfigureAwait(false);
        return new ReplayResult(
            _tally,
            _commands,
            Stopwatch.GetElapsedTime(started),
            [.. _parked.OrderBy(held => held.Live).ThenBy(held => held.Aggregate).ThenBy(held => held.Entity, StringComparer.Ordinal)],
            _notes
        );
    }

    private async Task PartitionAsync(
        AggregateDefinition aggregate,
        int partition,
        long end,
        Func<ReadOnlySpan<byte>, bool>? wants,
        ReactionReplay reactions,
        CancellationToken cancellation
    )
    {
        var found = new ReplayTally(accepted, examples);
        var recent = new RecentCommands();
        var pending = PendingSweeps(aggregate, partition);
        using var seal = run.Seals?.For(aggregate);
        var code = selection.SinceCode ? ChangesOfCode(aggregate, partition) : 0;
        var (eventLog, answerLog) = (run.Application.Events(aggregate), run.Application.Outcomes(aggregate));
        using var events = Comparison(ComparedLog.Events, eventLog);
        using var answers = aggregate.CommandTypes.Count > 0 ? Comparison(ComparedLog.Answers, answerLog) : null;
        await using var below = reactions.Lane(aggregate, partition, wants, found);
        await using var replayer = run.Replayer(aggregate, partition, wants);
        replayer.State.Appended = (target, time, key, headers, value) =>
        {
            if (target.Topic.Name == eventLog.Name)
            {
                events.Append(time, key, headers, value);
                below.Add(time, key, headers, value);
            }
            else
            {
                answers?.Append(time, key, headers, value);
            }
        };
        await replayer.BeginAsync(cancellation).ConfigureAwait(false);
        using (var reader = run.Engine.Read(replayer.Source, 0))
        {
            for (long next = 0; next < end && reader.TryRead(Batch, out var batch); )
            {
                cancellation.ThrowIfCancellationRequested();
                var records = UpTo(batch.Records, end);
                RequireWhole(replayer.Source, next, records);
                next = records.IsEmpty ? end : records.Span[^1].Offset + 1;
                recent.Take(records.Span);
                await replayer.HandleAsync(records, cancellation).ConfigureAwait(false);
                await below.HandOnAsync(cancellation).ConfigureAwait(false);
                Interlocked.Add(ref _handled, records.Length);
            }
        }
        await replayer.FinishAsync(cancellation).ConfigureAwait(false);
        await below.HandOnAsync(cancellation).ConfigureAwait(false);
        if (run.Engine.IsShared)
        {
            NotYetDecided(replayer.Source, end, pending);
        }
        events.Complete();
        answers?.Complete();
        below.Complete();
        var held = Held(aggregate, partition, replayer.State, wants);
        lock (_gate)
        {
            _tally.Add(found);
            _commands += replayer.Counters.Commands;
            _parked.AddRange(held);
        }

        LogComparison Comparison(ComparedLog log, Topic topic) =>
            new(
                new RecordedCursor(run.Engine, new TopicPartition(topic, partition)),
                log,
                aggregate.Name,
                partition,
                selection,
                code,
                wants,
                found,
                MostUnpaired
            )
            {
                OrderOf = recent.PlaceOf,
                IsPending = pending.Contains,
                IsErased = seal is null ? static _ => false : record => IsErased(seal, record),
            };
    }

    private static bool IsErased(EntitySeal seal, in Record record) =>
        !seal.TryOpen(Seals.EntityOf(record.Key.Span, record.Headers.Span), Seals.IdOf(record.Headers.Span), record.Value.Span, out _);

    private static ReadOnlyMemory<Record> UpTo(ReadOnlyMemory<Record> records, long end)
    {
        var count = records.Length;
        while (count > 0 && records.Span[count - 1].Offset >= end)
        {
            count--;
        }
        return records[..count];
    }

    /// <summary>Where a log's offsets are counted without holes, a hole is lost history.</summary>
    private void RequireWhole(TopicPartition source, long next, ReadOnlyMemory<Record> records)
    {
        if (run.Engine.IsShared || !run.IsWhole)
        {
            return;
        }
        foreach (ref readonly var record in records.Span)
        {
            if (record.Offset != next)
            {
                throw new ReplayException(
                    $"The log {source} has a gap: after offset {next - 1} comes {record.Offset}. What was decided in between cannot be decided again; restore the folder from a backup."
                );
            }
            next++;
        }
    }

    /// <summary>Whether the live application's state is at hand. That of another process would have to be copied whole from its topic first.</summary>
    private bool ReadsState => !run.Engine.IsShared;

    /// <summary>What a sweep of the live application that is still under way has not published yet is no difference.</summary>
    private HashSet<string> PendingSweeps(AggregateDefinition aggregate, int partition)
    {
        var pending = new HashSet<string>(StringComparer.Ordinal);
        if (ReadsState && run.Engine.OpenState(run.Application.DecideGroup(aggregate), partition).TryGet(StateKeys.Sweeps, out var sweeps))
        {
            while (!sweeps.IsEmpty)
            {
                pending.Add(Sweep.Read(ref sweeps).Id);
            }
        }
        return pending;
    }

    /// <summary>The commands that the live application may have decided since its position was read.</summary>
    private void NotYetDecided(TopicPartition source, long from, HashSet<string> pending)
    {
        using var reader = run.Engine.Read(source, from);
        var end = reader.End;
        for (var next = from; next < end && reader.TryRead(Batch, out var batch); )
        {
            foreach (ref readonly var record in batch.Records.Span)
            {
                pending.Add(Encoding.UTF8.GetString(new RecordNames(record.Headers.Span).Id));
                next = record.Offset + 1;
            }
        }
    }

    private List<ReplayHeld> Held(
        AggregateDefinition aggregate,
        int partition,
        IStateReader replayed,
        Func<ReadOnlySpan<byte>, bool>? wants
    )
    {
        var before = ReadsState
            ? EntitySnapshot
                .HeldOf(run.Engine.OpenState(run.Application.DecideGroup(aggregate), partition))
                .Where(held => held.Why.Parked)
                .ToDictionary(held => held.Entity, held => held.Why)
            : [];
        var now = EntitySnapshot.HeldOf(replayed).Where(held => held.Why.Parked).ToDictionary(held => held.Entity, held => held.Why);
        return
        [
            .. now.Where(held => !before.ContainsKey(held.Key)).Select(held => Of(held, isLive: false)),
            .. before
                .Where(held => !now.ContainsKey(held.Key) && (wants is null || wants(Encoding.UTF8.GetBytes(held.Key))))
                .Select(held => Of(held, isLive: true)),
        ];

        ReplayHeld Of(KeyValuePair<string, HeldEntity> held, bool isLive) =>
            new(aggregate.Name, held.Key, held.Value.CommandId, held.Value.Reason, isLive);
    }

    private int ChangesOfCode(AggregateDefinition aggregate, int partition)
    {
        var changes = 0;
        using var cursor = new RecordedCursor(run.Engine, new TopicPartition(run.Application.Events(aggregate), partition));
        for (; cursor.HasHead; cursor.Advance())
        {
            var names = new RecordNames(cursor.Head.Headers.Span);
            changes += names.IsControl && names.Type.SequenceEqual(Controls.Code) ? 1 : 0;
        }
        return changes;
    }

    /// <summary>The entities of an aggregate that are run; null where none is.</summary>
    private WantedKeys? Wanted(AggregateDefinition aggregate)
    {
        if (selection.Entities.Count > 0)
        {
            var ids = selection.Entities.Where(entity => entity.Aggregate == aggregate.Name).Select(entity => entity.Id).ToList();
            return ids.Count == 0 ? null : new WantedKeys(ids.Select(Encoding.UTF8.GetBytes));
        }
        return selection.Sample > 0 ? EntitySample.Of(run, aggregate, selection.Sample) : new WantedKeys([]);
    }
}

/// <summary>Keys to look for; none where all are wanted.</summary>
internal sealed class WantedKeys(IEnumerable<byte[]> keys)
{
    private readonly HashSet<byte[]> _keys = new(keys, BytesComparer.Instance);

    public int Count => _keys.Count;

    public bool Has(ReadOnlySpan<byte> key) => _keys.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(key);
}
