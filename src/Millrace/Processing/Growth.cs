using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Adds partitions to the command logs while they are written and read. What is wanted is recorded before anything is done, so that whoever starts after a
/// crash finishes it; then the logs get their partitions; then the new epoch is recorded, which every process looks for. The fence itself is written by
/// whoever appends the source's commands, between two of its commits; where there is no source, in the commit that records the epoch.
/// </summary>
internal sealed class Growth(Application application, IEngine engine, TimeProvider clock, Generations generations, string? source)
{
    private readonly string _appender = NameOf(application);

    private static ReadOnlySpan<byte> EpochsKey => "epochs"u8;
    private static ReadOnlySpan<byte> WantedKey => "wanted"u8;

    /// <summary>The numbers of partitions in each epoch, as they are recorded in an engine.</summary>
    public static IReadOnlyList<int> Recorded(IEngine engine, Application application) =>
        Read(engine.OpenState(NameOf(application), 0), EpochsKey) ?? [application.Partitions];

    /// <summary>The epochs as they are recorded. Finishes what a process that died has begun.</summary>
    public async Task<PartitionMap> ReadAsync(CancellationToken cancellation)
    {
        var state = engine.OpenState(_appender, 0);
        var (recorded, wanted) = (Read(state, EpochsKey), Read(state, WantedKey));
        if (wanted is null || wanted.Length <= (recorded?.Length ?? 1))
        {
            return recorded is null ? PartitionMap.Of(application.Partitions) : PartitionMap.Of(recorded);
        }
        return await FinishAsync(wanted, cancellation).ConfigureAwait(false);
    }

    /// <summary>The epochs that this process can see now; for those that look again and again.</summary>
    public PartitionMap? Look()
    {
        var recorded = Read(engine.OpenState(_appender, 0), EpochsKey);
        return recorded is null || recorded.Length == application.Map.Epoch ? null : PartitionMap.Of(recorded);
    }

    /// <summary>Adds partitions to every command log.</summary>
    /// <param name="partitions">How many there are to be.</param>
    /// <param name="cancellation">Gives up; what was begun is finished by the next start, or by asking again.</param>
    /// <exception cref="ArgumentException">It cannot be done; the message says why.</exception>
    public async Task<PartitionMap> AddAsync(int partitions, CancellationToken cancellation)
    {
        var before = await ReadAsync(cancellation).ConfigureAwait(false);
        if (partitions == before.Partitions)
        {
            return before;
        }
        if (partitions < before.Partitions || partitions > Slots.Count)
        {
            throw new ArgumentException(
                $"The command logs have {before.Partitions} partitions, and can be given more, up to {Slots.Count}, never fewer. {partitions} were asked for."
            );
        }
        if (generations.Numbers() is { Count: > 1 } several)
        {
            throw new ArgumentException(
                $"There are generations beside the live one ({string.Join(", ", several)}). Partitions can be added when there is one: complete the promotion, or abandon the shadow."
            );
        }
        if (source is not null && engine.OpenState(source, 0).TryGet(Sources.Capture.OpenKey, out _))
        {
            throw new ArgumentException(
                "A snapshot is under way. Partitions can be added when it has ended: see the source in the status."
            );
        }
        if (Moving(before).Any())
        {
            throw new ArgumentException(
                $"Entities are still moving to the partitions that were added last ({before.Partitions} now). Add more when they have arrived."
            );
        }
        int[] wanted = [.. before.Counts, partitions];
        var isFirst = await engine
            .DecideAsync(
                _appender,
                state =>
                {
                    if ((Read(state, WantedKey)?.Length ?? 1) >= wanted.Length)
                    {
                        return (false, false);
                    }
                    state.Put(WantedKey, JsonSerializer.SerializeToUtf8Bytes(wanted, MillraceJson.Default.Int32Array));
                    return (true, true);
                },
                cancellation
            )
            .ConfigureAwait(false);
        return isFirst
            ? await FinishAsync(wanted, cancellation).ConfigureAwait(false)
            : throw new ArgumentException("Somebody else adds partitions at this moment. Look at the status, and ask again.");
    }

    /// <summary>Gives the logs the partitions of a map, as far as they do not have them, and has this process see them.</summary>
    public ValueTask AddToLogsAsync(PartitionMap map, CancellationToken cancellation) =>
        map.Epoch == 1
            ? ValueTask.CompletedTask
            : engine.AddPartitionsAsync(
                [
                    .. application.Topology.Aggregates.SelectMany(aggregate =>
                        generations
                            .Numbers()
                            .Select(generation => application.Handover(aggregate, generation))
                            .Append(application.Commands(aggregate))
                            .Select(log => log with { Partitions = map.Partitions })
                    ),
                ],
                cancellation
            );

    /// <summary>The partitions that were added and have not been handed everything yet.</summary>
    public IEnumerable<(string Aggregate, int Partition)> Moving(PartitionMap map)
    {
        foreach (var aggregate in application.Topology.Aggregates)
        {
            for (var partition = map.First; partition < map.Partitions; partition++)
            {
                var state = engine.OpenState(application.DecideGroup(aggregate), partition);
                if (!state.TryGet(StateKeys.Epochs, out _) || HasBacklog(state))
                {
                    yield return (aggregate.Name, partition);
                }
            }
        }
    }

    /// <summary>Writes the fences of every epoch that an appender has not come to yet, into the partitions that there were before each.</summary>
    public static void WriteFences(ITransaction transaction, Application application, int epoch, PartitionMap map, long time)
    {
        for (; epoch < map.Epoch; epoch++)
        {
            var headers = LogHeads.Headers(Controls.Grown, $"grown-{epoch + 1}");
            int[] counts = [.. map.Counts.Take(epoch + 1)];
            var body = JsonSerializer.SerializeToUtf8Bytes(new GrownRecord(counts), MillraceJson.Default.GrownRecord);
            foreach (var aggregate in application.Topology.Aggregates)
            {
                var log = application.Commands(aggregate) with { Partitions = map.Partitions };
                for (var partition = 0; partition < counts[^2]; partition++)
                {
                    transaction.Append(new TopicPartition(log, partition), time, default, headers, body);
                }
            }
        }
    }

    private async Task<PartitionMap> FinishAsync(int[] wanted, CancellationToken cancellation)
    {
        var map = PartitionMap.Of(wanted);
        await AddToLogsAsync(map, cancellation).ConfigureAwait(false);
        await engine
            .DecideAsync(
                _appender,
                state =>
                {
                    var epoch = Read(state, EpochsKey)?.Length ?? 1;
                    if (epoch >= map.Epoch)
                    {
                        return (false, false);
                    }
                    state.Put(EpochsKey, JsonSerializer.SerializeToUtf8Bytes(wanted, MillraceJson.Default.Int32Array));
                    if (source is null)
                    {
                        WriteFences(state, application, epoch, map, Instants.Of(clock.GetUtcNow()));
                    }
                    return (true, true);
                },
                cancellation
            )
            .ConfigureAwait(false);
        return map;
    }

    private static string NameOf(Application application) => $"{application.Topology.Name}.partitions";

    private static bool HasBacklog(IStateReader state)
    {
        using var cursor = state.Range([StateKeys.Backlog], [StateKeys.Backlog + 1]);
        return cursor.MoveNext();
    }

    private static int[]? Read(IStateReader state, ReadOnlySpan<byte> key) =>
        state.TryGet(key, out var counts) ? JsonSerializer.Deserialize(counts, MillraceJson.Default.Int32Array) : null;
}
