using System.Buffers.Binary;
using System.Text;
using Confluent.Kafka;
using Millrace.Engines;
using static Millrace.Kafka.Clients.Native;

namespace Millrace.Kafka.Clients;

/// <summary>A producer, and what hands records to it, which it copies. Used by one thread at a time.</summary>
internal sealed unsafe class RecordProducer(IProducer<byte[], byte[]> producer) : IDisposable
{
    private static readonly TimeSpan FullFor = TimeSpan.FromSeconds(30);

    private readonly nint _client = Of(producer);
    private readonly Dictionary<string, nint> _topics = new(StringComparer.Ordinal);

    public IProducer<byte[], byte[]> Client => producer;

    /// <summary>The native name of a topic, for many records.</summary>
    public nint Topic(string name)
    {
        if (!_topics.TryGetValue(name, out var topic))
        {
            topic = rd_kafka_topic_new(_client, name, 0);
            if (topic == 0)
            {
                throw new EngineException($"The topic '{name}' cannot be written: its name is not one that Kafka allows.");
            }
            _topics.Add(name, topic);
        }
        return topic;
    }

    /// <summary>Produces a record of a log.</summary>
    public void Produce(nint topic, int partition, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> packed, ReadOnlySpan<byte> value)
    {
        nint headers = 0;
        var milliseconds = time / 1000;
        var exact = milliseconds > 0 && milliseconds * 1000 == time;
        if (!packed.IsEmpty || !exact)
        {
            headers = rd_kafka_headers_new(12);
            try
            {
                foreach (var entry in new RecordHeaders(packed))
                {
                    HeaderNames.Add(headers, entry.Header, entry.Value);
                }
                if (!exact)
                {
                    Span<byte> bytes = stackalloc byte[8];
                    BinaryPrimitives.WriteInt64BigEndian(bytes, time);
                    HeaderNames.AddTime(headers, bytes);
                }
            }
            catch
            {
                rd_kafka_headers_destroy(headers);
                throw;
            }
        }
        // 0 would mean now.
        Produce(topic, partition, Math.Max(1, milliseconds), key, headers, value, isDeletion: false);
    }

    /// <summary>Produces a write of a state.</summary>
    public void ProduceState(nint topic, int partition, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isDeletion) =>
        Produce(topic, partition, 0, key, 0, value, isDeletion);

    public void Dispose()
    {
        foreach (var topic in _topics.Values)
        {
            rd_kafka_topic_destroy(topic);
        }
        _topics.Clear();
        producer.Dispose();
    }

    private void Produce(
        nint topic,
        int partition,
        long time,
        ReadOnlySpan<byte> key,
        nint headers,
        ReadOnlySpan<byte> value,
        bool isDeletion
    )
    {
        byte none = 0;
        fixed (
            byte* k = key,
                v = value
        )
        {
            var arguments = stackalloc Argument[7];
            arguments[0] = new Argument { Kind = Argument.Topic, Pointer = topic };
            arguments[1] = new Argument { Kind = Argument.Partition, Number = partition };
            arguments[2] = new Argument { Kind = Argument.Flags, Number = CopyPayload };
            arguments[3] = new Argument
            {
                Kind = Argument.Key,
                Pointer = (nint)(k is null ? &none : k),
                Length = (nuint)key.Length,
            };
            arguments[4] = new Argument
            {
                Kind = Argument.Value,
                Pointer = isDeletion ? 0 : (nint)(v is null ? &none : v),
                Length = (nuint)value.Length,
            };
            arguments[5] = new Argument { Kind = Argument.Timestamp, Time = time };
            arguments[6] = new Argument { Kind = Argument.Headers, Pointer = headers };
            var count = headers == 0 ? 6u : 7u;
            var since = Environment.TickCount64;
            while (true)
            {
                var error = rd_kafka_produceva(_client, arguments, count);
                if (error == 0)
                {
                    return;
                }
                var code = rd_kafka_error_code(error);
                var text = Text(rd_kafka_error_string(error));
                rd_kafka_error_destroy(error);
                if (code == QueueFull && Environment.TickCount64 - since < FullFor.TotalMilliseconds)
                {
                    // The broker takes less than we give; what it has taken makes room when its report is read.
                    _ = rd_kafka_poll(_client, 10);
                    continue;
                }
                if (headers != 0)
                {
                    rd_kafka_headers_destroy(headers);
                }
                throw (ErrorCode)code == ErrorCode.MsgSizeTooLarge
                    ? TooLarge(topic, key, value.Length)
                    : new KafkaException(new Error((ErrorCode)code, text));
            }
        }
    }

    private EngineException TooLarge(nint topic, ReadOnlySpan<byte> key, int bytes)
    {
        var name = _topics.First(known => known.Value == topic).Key;
        // The key of a state is the engine's, with the entity somewhere in it.
        var of = string.Concat(Encoding.UTF8.GetString(key).Where(static c => !char.IsControl(c) && c != '\uFFFD').Take(100));
        return new EngineException(
            $"A record of '{of}' with {bytes} bytes is too large for the topic '{name}'. Raise Millrace:Kafka:MaxRecordBytes in every process, and max.message.bytes of the application's topics with it (kafka-configs.sh --alter); or leave the large column out at the source."
        );
    }
}
