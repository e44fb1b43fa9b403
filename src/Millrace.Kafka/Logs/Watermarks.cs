using System.Collections.Concurrent;
using Confluent.Kafka;
using Millrace.Engines;
using Millrace.Kafka.Clients;
using TopicPartition = Millrace.Engines.TopicPartition;

namespace Millrace.Kafka.Logs;

/// <summary>Where logs end, asked of the broker and remembered for a moment: pages ask for the ends of every log at once.</summary>
internal sealed class Watermarks(KafkaClients clients, IConsumer<byte[], byte[]> asker)
{
    private const long FreshMs = 20;
    private const long FailedMs = 2000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<(string Topic, int Partition), (long At, long End)> _ends = new();
    private readonly ConcurrentDictionary<string, (long At, string Why)> _failed = new();

    /// <summary>The offset after the last record, committed or not.</summary>
    /// <exception cref="EngineException">The broker does not say; for a moment after that, nobody waits to hear the same of that topic's other partitions.</exception>
    public long End(TopicPartition source)
    {
        var key = (source.Topic.Name, source.Partition);
        if (_ends.TryGetValue(key, out var known) && Environment.TickCount64 - known.At < FreshMs)
        {
            return known.End;
        }
        if (_failed.TryGetValue(source.Topic.Name, out var failed) && Environment.TickCount64 - failed.At < FailedMs)
        {
            throw new EngineException(failed.Why);
        }
        try
        {
            var end = Ask(asker, new(clients.Named(source.Topic.Name), new Partition(source.Partition)));
            _ends[key] = (Environment.TickCount64, end);
            return end;
        }
        catch (EngineException e)
        {
            _failed[source.Topic.Name] = (Environment.TickCount64, e.Message);
            throw;
        }
    }

    /// <summary>Asks where a partition ends. A leader that moves, or has just been chosen, is asked again.</summary>
    /// <exception cref="EngineException">The broker does not say.</exception>
    public static long Ask(IConsumer<byte[], byte[]> asker, Confluent.Kafka.TopicPartition place)
    {
        var since = Environment.TickCount64;
        while (true)
        {
            try
            {
                return asker.QueryWatermarkOffsets(place, Patience).High.Value;
            }
            catch (KafkaException e) when (IsPassing(e.Error.Code) && Environment.TickCount64 - since < Patience.TotalMilliseconds)
            {
                if (e.Error.Code == ErrorCode.Local_UnknownPartition)
                {
                    // It was added since this client looked, and by itself it would look again only after minutes.
                    Look(asker, place.Topic);
                }
                Thread.Sleep(50);
            }
            catch (KafkaException e)
            {
                throw new EngineException(
                    $"The end of {place.Topic}[{place.Partition.Value}] is not known: {e.Error.Reason}. Is the broker up?",
                    e
                );
            }
        }
    }

    private static void Look(IConsumer<byte[], byte[]> asker, string topic)
    {
        using var admin = new DependentAdminClientBuilder(asker.Handle).Build();
        try
        {
            admin.GetMetadata(topic, Patience);
        }
        catch (KafkaException)
        {
            // Whoever asked asks again, and says what is wrong if it stays.
        }
    }

    private static bool IsPassing(ErrorCode code) =>
        code
            is ErrorCode.NotLeaderForPartition
                or ErrorCode.LeaderNotAvailable
                or ErrorCode.ReplicaNotAvailable
                or ErrorCode.UnknownTopicOrPart
                or ErrorCode.Local_UnknownPartition
                or ErrorCode.Local_UnknownTopic
                or ErrorCode.Local_Transport
                or ErrorCode.Local_TimedOut;
}
