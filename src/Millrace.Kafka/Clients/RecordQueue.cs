using System.Buffers;
using System.Buffers.Binary;
using Confluent.Kafka;
using Millrace.Engines;
using static Millrace.Kafka.Clients.Native;

namespace Millrace.Kafka.Clients;

/// <summary>Takes what a consumer has fetched. Used by one thread at a time; <see cref="Wake"/> by any.</summary>
internal sealed unsafe class RecordQueue : IDisposable
{
    private const int Most = 1024;

    private readonly IClient _consumer;
    private readonly nint _queue;
    private readonly Message*[] _messages = new Message*[Most];
    private readonly ArrayBufferWriter<byte> _headers = new();
    private readonly Lock _gate = new();
    private bool _disposed;

    public RecordQueue(IClient consumer)
    {
        _consumer = consumer;
        _queue = rd_kafka_queue_get_consumer(Of(consumer));
    }

    /// <summary>Interrupts a wait.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                rd_kafka_queue_yield(_queue);
            }
        }
    }

    /// <summary>Waits for something to come, then hands over what is there, up to about a thousand.</summary>
    /// <returns>How many messages there were, of any kind.</returns>
    public int Take<T>(int timeoutMs, T receiver)
        where T : IRecordReceiver
    {
        var first = rd_kafka_consume_queue(_queue, timeoutMs);
        if (first is null)
        {
            return 0;
        }
        _messages[0] = first;
        var count = 1;
        fixed (Message** rest = &_messages[1])
        {
            var more = rd_kafka_consume_batch_queue(_queue, 0, rest, Most - 1);
            count += Math.Max(0, (int)more);
        }
        var handed = 0;
        try
        {
            nint topic = 0;
            ReadOnlySpan<byte> name = default;
            for (; handed < count; handed++)
            {
                var message = _messages[handed];
                if (message->Topic != topic)
                {
                    topic = message->Topic;
                    name =
                        topic == 0
                            ? default
                            : System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(rd_kafka_topic_name(topic));
                }
                Hand(message, name, receiver);
                rd_kafka_message_destroy(message);
            }
        }
        finally
        {
            // Where the receiver threw, what is left goes unread; its owner begins again from what is committed.
            for (; handed < count; handed++)
            {
                rd_kafka_message_destroy(_messages[handed]);
            }
        }
        return count;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _disposed = true;
                rd_kafka_queue_destroy(_queue);
                GC.KeepAlive(_consumer);
            }
        }
    }

    private void Hand<T>(Message* message, ReadOnlySpan<byte> topic, T receiver)
        where T : IRecordReceiver
    {
        if (message->Error == PartitionEof)
        {
            receiver.Ended(topic, message->Partition, message->Offset);
        }
        else if (message->Error != 0)
        {
            var text = message->Value is null ? Text(rd_kafka_err2str(message->Error)) : Text(message->Value);
            receiver.Failed(topic, message->Partition, new Error((ErrorCode)message->Error, text));
        }
        else
        {
            var time = Unpack(message);
            receiver.Received(
                topic,
                message->Partition,
                new RawRecord
                {
                    Offset = message->Offset,
                    Time = time,
                    Key = new ReadOnlySpan<byte>(message->Key, (int)message->KeyLength),
                    Headers = _headers.WrittenSpan,
                    Value = new ReadOnlySpan<byte>(message->Value, (int)message->ValueLength),
                    IsDeletion = message->Value is null,
                }
            );
        }
    }

    /// <summary>Packs the headers that are ours, and finds the time.</summary>
    private long Unpack(Message* message)
    {
        _headers.ResetWrittenCount();
        int kind;
        var time = rd_kafka_message_timestamp(message, &kind) * 1000;
        nint headers;
        if (rd_kafka_message_headers(message, &headers) != 0)
        {
            return time;
        }
        byte* name;
        byte* value;
        nuint length;
        for (nuint i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &length) == 0; i++)
        {
            var bytes = new ReadOnlySpan<byte>(value, (int)length);
            var text = System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name);
            if (HeaderNames.Find(text) is not 0 and var header)
            {
                RecordHeaders.Write(_headers, header, bytes);
            }
            else if (HeaderNames.IsTime(text))
            {
                time = BinaryPrimitives.ReadInt64BigEndian(bytes);
            }
        }
        return time;
    }
}

/// <summary>A record as it lies in the client's memory: valid until the call returns.</summary>
internal readonly ref struct RawRecord
{
    public required long Offset { get; init; }
    public required long Time { get; init; }
    public required ReadOnlySpan<byte> Key { get; init; }
    public required ReadOnlySpan<byte> Headers { get; init; }
    public required ReadOnlySpan<byte> Value { get; init; }

    /// <summary>Whether it has no value at all, which deletes its key from a compacted topic.</summary>
    public required bool IsDeletion { get; init; }
}

/// <summary>Who takes records.</summary>
internal interface IRecordReceiver
{
    /// <summary>A record.</summary>
    void Received(ReadOnlySpan<byte> topic, int partition, in RawRecord record);

    /// <summary>A reader of committed records has come to the end for now; the next one will be at this offset or behind it.</summary>
    void Ended(ReadOnlySpan<byte> topic, int partition, long offset);

    /// <summary>A partition, or (without a topic) the client, has a trouble it may or may not get over.</summary>
    void Failed(ReadOnlySpan<byte> topic, int partition, Error error);
}
