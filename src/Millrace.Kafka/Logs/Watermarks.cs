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
        try
        {
            var end = asker
                .QueryWatermarkOffsets(new(clients.Named(source.Topic.Name), new Partition(source.Partition)), Patience)
                .High.Value;
            _ends[key] = (Environment.TickCount64, end);
            return end;
        }
        catch (KafkaException e)
        {
            throw new EngineException($"The end of {source} is not known: {e.Error.Reason}. Is the broker up?", e);
        }
    }
}
