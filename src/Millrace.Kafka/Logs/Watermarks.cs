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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<(string Topic, int Partition), (long At, long End)> _ends = new();

    /// <summary>The offset after the last record, committed or not.</summary>
    public long End(TopicPartition source)
    {
        var key = (source.Topic.Name, source.Partition);
        if (_ends.TryGetValue(key, out var known) && Environment.TickCount64 - known.At < FreshMs)
        {
            return known.End;
        }
        var end = Ask(asker, new(clients.Named(source.Topic.Name), new Partition(source.Partition)));
        _ends[key] = (Environment.TickCount64, end);
        return end;
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
