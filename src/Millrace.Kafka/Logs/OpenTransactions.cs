using Confluent.Kafka;
using Millrace.Engines;
using Millrace.Kafka.Clients;

namespace Millrace.Kafka.Logs;

/// <summary>
/// Finds transactions that nobody will end. Nothing behind one can be read, and a group that waits for it looks idle: no error ever comes. A broker's bug or
/// the loss of its transaction log leaves one behind (KIP-664, KIP-890); only an operator may say that it is to be aborted.
/// </summary>
internal sealed class OpenTransactions(KafkaClients clients, Topics topics, IConsumer<byte[], byte[]> asker)
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Question = TimeSpan.FromSeconds(1);

    // Its own timeout ends an open transaction; the broker looks for those now and then (transaction.abort.timed.out.transaction.cleanup.interval.ms, 10 s).
    private readonly TimeSpan _longest = clients.Options.TransactionTimeout * 2 + TimeSpan.FromSeconds(10);

    /// <summary>Looks at everything a group reads until cancelled, and reports as the group's fault what stands in its way.</summary>
    public async Task WatchAsync(ProcessorGroup group, Func<int, bool> isOurs, CancellationToken cancellation)
    {
        var since = new Dictionary<Confluent.Kafka.TopicPartition, (long Offset, long At)>();
        using var committed = clients.CommittedAsker();
        while (!cancellation.IsCancellationRequested)
        {
            await Task.Delay(Between, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!cancellation.IsCancellationRequested)
            {
                await Blocking
                    .Run(() => LookAround(group, isOurs, since, committed, cancellation), CancellationToken.None)
                    .ConfigureAwait(false);
            }
        }
    }

    private void LookAround(
        ProcessorGroup group,
        Func<int, bool> isOurs,
        Dictionary<Confluent.Kafka.TopicPartition, (long Offset, long At)> since,
        IConsumer<byte[], byte[]> committed,
        CancellationToken cancellation
    )
    {
        try
        {
            foreach (var topic in group.Inputs.Select(i => i.Name).Append(Topics.StateTopic(group.Name)))
            {
                for (var partition = 0; partition < topics.Partitions(topic) && !cancellation.IsCancellationRequested; partition++)
                {
                    if (isOurs(partition))
                    {
                        Look(group, new(clients.Named(topic), new Partition(partition)), since, committed);
                    }
                }
            }
        }
        catch (Exception e) when (e is KafkaException or EngineException)
        {
            // Who reads says what is wrong with the broker; what it did not say we ask again.
            since.Clear();
        }
    }

    private void Look(
        ProcessorGroup group,
        Confluent.Kafka.TopicPartition place,
        Dictionary<Confluent.Kafka.TopicPartition, (long Offset, long At)> since,
        IConsumer<byte[], byte[]> committed
    )
    {
        var readable = committed.QueryWatermarkOffsets(place, Question).High.Value;
        if (readable >= asker.QueryWatermarkOffsets(place, Question).High.Value)
        {
            since.Remove(place);
            return;
        }
        var now = Environment.TickCount64;
        if (!since.TryGetValue(place, out var before) || before.Offset != readable)
        {
            since[place] = (readable, now);
        }
        else if (now - before.At > _longest.TotalMilliseconds)
        {
            group.Faulted(
                place.Partition.Value,
                new EngineException(
                    $"Nothing behind offset {readable} of {place.Topic}[{place.Partition.Value}] can be read: a transaction that begins there has been open for more than {(now - before.At) / 1000} s, longer than any of ours may be. If its producer is gone, the broker has lost sight of it. Look at it with kafka-transactions.sh --bootstrap-server {clients.Options.BootstrapServers} describe-producers --topic {place.Topic} --partition {place.Partition.Value}, and end it with kafka-transactions.sh --bootstrap-server {clients.Options.BootstrapServers} abort --topic {place.Topic} --partition {place.Partition.Value} --start-offset {readable}"
                )
            );
        }
    }
}
