using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Writes what operators do with something parked as records in the logs that its owner reads: whatever process that is, and whatever it does at
/// the moment. Where nothing is parked (any more) such a record does nothing.
/// </summary>
/// <remarks>
/// What an aggregate, a view or a reaction parked follows from the command log, so the record stands there: Decide passes it on into the event
/// log, and a router to where the key is. An intent is carried out below its own log, which is where its record stands.
/// </remarks>
internal sealed class OperatorLog(Application application, IEngine engine, TimeProvider clock)
{
    /// <summary>Has something parked tried again, with everything that waits behind it.</summary>
    /// <param name="of">The aggregate, view or reaction.</param>
    /// <param name="key">The entity; of a view or reaction the key, or the entity whose key could not be made; or the intent's id.</param>
    /// <param name="at">The command or event it stands at, so that what has moved on meanwhile is left alone; null for whatever it stands at.</param>
    /// <param name="reason">Why, for those who ask later.</param>
    /// <param name="by">Who.</param>
    /// <exception cref="ArgumentException">There is no such aggregate, view or reaction, or no reason.</exception>
    public Task RetryAsync(string of, string key, string? at, string reason, string? by) =>
        WriteAsync(Controls.Retry, of, key, at, reason, by);

    /// <summary>Leaves out what something is parked at, and goes on behind it. See <see cref="RetryAsync"/>.</summary>
    public Task SkipAsync(string of, string key, string? at, string reason, string? by) =>
        WriteAsync(Controls.Skip, of, key, at, reason, by);

    /// <summary>Records that an entity was erased.</summary>
    public Task ErasedAsync(string aggregate, string entity, string reason, string? by) =>
        WriteAsync(Controls.Erased, aggregate, entity, null, reason, by);

    private Task<int> WriteAsync(ReadOnlySpan<byte> type, string of, string key, string? at, string reason, string? by)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        if (Targets(of, key, at, reason, by) is not { Count: > 0 } targets)
        {
            throw new ArgumentException($"There is no aggregate, view or reaction \"{of}\".", nameof(of));
        }
        var headers = LogHeads.Headers(type, $"operator-{Guid.NewGuid():N}");
        var entity = Encoding.UTF8.GetBytes(key);
        var now = Instants.Of(clock.GetUtcNow());
        return engine.DecideAsync(
            $"{application.Topology.Name}.operator",
            transaction =>
            {
                foreach (var (target, record) in targets)
                {
                    var body = JsonSerializer.SerializeToUtf8Bytes(record, MillraceJson.Default.OperatorRecord);
                    transaction.Append(target, now, entity, headers, body);
                }
                return (true, targets.Count);
            },
            CancellationToken.None
        );
    }

    private List<(TopicPartition Target, OperatorRecord Record)> Targets(string of, string key, string? at, string reason, string? by)
    {
        var targets = new List<(TopicPartition, OperatorRecord)>();
        var partition = application.Map.PartitionOf(Encoding.UTF8.GetBytes(key));
        var (below, topology) = (new OperatorRecord(reason, by, of, at), application.Topology);
        foreach (var aggregate in topology.Aggregates.Where(aggregate => aggregate.Name == of))
        {
            targets.Add((new(application.Commands(aggregate), partition), below with { Of = null }));
        }
        foreach (var view in topology.Views.Where(view => view.Name == of))
        {
            targets.Add((new(application.Commands(view.Aggregate), partition), below));
        }
        foreach (var reaction in topology.Reactions.Where(reaction => reaction.Name == of))
        {
            targets.Add((new(application.Commands(reaction.Aggregate), partition), below));
            // An intent's id begins like this. Its partition is that of the reaction's key, which cannot be told from the id.
            if (key.StartsWith($"{of}/", StringComparison.Ordinal))
            {
                targets.AddRange(
                    Enumerable
                        .Range(0, application.Partitions)
                        .Select(each => (new TopicPartition(application.Intents(reaction), each), below with { At = null }))
                );
            }
        }
        return targets;
    }
}
