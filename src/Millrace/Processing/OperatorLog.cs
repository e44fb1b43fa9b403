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

    private Task WriteAsync(ReadOnlySpan<byte> type, string of, string key, string? at, string reason, string? by)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        var headers = LogHeads.Headers(type, $"operator-{Guid.NewGuid():N}");
        var appender = engine.OpenAppender($"{application.Topology.Name}.operator");
        var transaction = appender.Begin();
        var entity = Encoding.UTF8.GetBytes(key);
        var found = false;
        foreach (var aggregate in application.Topology.Aggregates.Where(aggregate => aggregate.Name == of))
        {
            Append(
                application.Commands(aggregate),
                Slots.PartitionOf(entity, application.Partitions),
                new OperatorRecord(reason, by, At: at)
            );
        }
        foreach (var view in application.Topology.Views.Where(view => view.Name == of))
        {
            Append(
                application.Commands(view.Aggregate),
                Slots.PartitionOf(entity, application.Partitions),
                new OperatorRecord(reason, by, of, at)
            );
        }
        foreach (var reaction in application.Topology.Reactions.Where(reaction => reaction.Name == of))
        {
            Append(
                application.Commands(reaction.Aggregate),
                Slots.PartitionOf(entity, application.Partitions),
                new OperatorRecord(reason, by, of, at)
            );
            // An intent's id begins like this. Its partition is that of the reaction's key, which cannot be told from the id.
            for (var partition = 0; key.StartsWith($"{of}/", StringComparison.Ordinal) && partition < application.Partitions; partition++)
            {
                Append(application.Intents(reaction), partition, new OperatorRecord(reason, by, of));
            }
        }
        return found
            ? CommitAsync(appender, transaction)
            : throw new ArgumentException($"There is no aggregate, view or reaction \"{of}\".", nameof(of));

        void Append(Topic topic, int partition, OperatorRecord record)
        {
            found = true;
            transaction.Append(
                new TopicPartition(topic, partition),
                Instants.Of(clock.GetUtcNow()),
                entity,
                headers,
                JsonSerializer.SerializeToUtf8Bytes(record, MillraceJson.Default.OperatorRecord)
            );
        }
    }

    private static async Task CommitAsync(IAppender appender, ITransaction transaction)
    {
        await using (appender)
        {
            await appender.CommitAsync(transaction, durable: true, CancellationToken.None).ConfigureAwait(false);
        }
    }
}
