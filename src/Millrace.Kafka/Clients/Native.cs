using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Millrace.Kafka.Clients;

/// <summary>
/// The functions of librdkafka (rdkafka.h, 2.16) that records go through. Called directly: the managed client makes several objects a record.
/// Everything else (configuration, groups, transactions, callbacks) goes through Confluent.Kafka, on the same handles.
/// </summary>
internal static unsafe partial class Native
{
    public const int PartitionEof = -191;
    public const int QueueFull = -184;
    public const int CopyPayload = 2;

    private const string Library = "librdkafka";

    static Native() => NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);

    /// <summary>A message as librdkafka lays it out (rd_kafka_message_t).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Message
    {
        public int Error;
        public nint Topic;
        public int Partition;
        public byte* Value;
        public nuint ValueLength;
        public byte* Key;
        public nuint KeyLength;
        public long Offset;
        public nint Private;
    }

    /// <summary>One argument of a produce call (rd_kafka_vu_t): a tag and a union of 64 bytes.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 72)]
    public struct Argument
    {
        public const int Topic = 2;
        public const int Partition = 3;
        public const int Value = 4;
        public const int Key = 5;
        public const int Flags = 7;
        public const int Timestamp = 8;
        public const int Headers = 10;

        [FieldOffset(0)]
        public int Kind;

        [FieldOffset(8)]
        public nint Pointer;

        [FieldOffset(8)]
        public int Number;

        [FieldOffset(8)]
        public long Time;

        [FieldOffset(16)]
        public nuint Length;
    }

    /// <summary>The native handle behind a client. It is the client's, which must outlive its use.</summary>
    public static nint Of(IClient client) => ((SafeHandle)HandleOf(client.Handle)).DangerousGetHandle();

    [LibraryImport(Library)]
    public static partial nint rd_kafka_queue_get_consumer(nint client);

    [LibraryImport(Library)]
    public static partial void rd_kafka_queue_destroy(nint queue);

    [LibraryImport(Library)]
    public static partial void rd_kafka_queue_yield(nint queue);

    [LibraryImport(Library)]
    public static partial Message* rd_kafka_consume_queue(nint queue, int timeoutMs);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_consume_batch_queue(nint queue, int timeoutMs, Message** messages, nuint size);

    [LibraryImport(Library)]
    public static partial void rd_kafka_message_destroy(Message* message);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    public static partial byte* rd_kafka_topic_name(nint topic);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    public static partial long rd_kafka_message_timestamp(Message* message, int* kind);

    [LibraryImport(Library)]
    public static partial int rd_kafka_message_headers(Message* message, nint* headers);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    public static partial int rd_kafka_header_get_all(nint headers, nuint index, byte** name, byte** value, nuint* length);

    [LibraryImport(Library)]
    public static partial byte* rd_kafka_err2str(int error);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint rd_kafka_topic_new(nint client, string name, nint configuration);

    [LibraryImport(Library)]
    public static partial void rd_kafka_topic_destroy(nint topic);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_headers_new(nuint capacity);

    [LibraryImport(Library)]
    public static partial void rd_kafka_headers_destroy(nint headers);

    [LibraryImport(Library)]
    public static partial int rd_kafka_header_add(nint headers, byte* name, nint nameLength, byte* value, nint valueLength);

    [LibraryImport(Library)]
    public static partial int rd_kafka_poll(nint client, int timeoutMs);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_produceva(nint client, Argument* arguments, nuint count);

    [LibraryImport(Library)]
    public static partial int rd_kafka_error_code(nint error);

    [LibraryImport(Library)]
    public static partial byte* rd_kafka_error_string(nint error);

    [LibraryImport(Library)]
    public static partial void rd_kafka_error_destroy(nint error);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_consumer_group_metadata(nint client);

    [LibraryImport(Library)]
    public static partial int rd_kafka_consumer_group_metadata_generation_id(nint metadata);

    [LibraryImport(Library)]
    public static partial void rd_kafka_consumer_group_metadata_destroy(nint metadata);

    public static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    // The package has a build of librdkafka for each kind of system, and the managed client takes the first that loads. Its handles are good in that one
    // only, so it is asked which it took: once, when the first function is called.
    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library)
        {
            return 0;
        }
        Confluent.Kafka.Library.Load();
        var client = typeof(Handle).Assembly;
        var taken = client
            .GetType("Confluent.Kafka.Impl.Librdkafka", throwOnError: true)!
            .GetFields(BindingFlags.Static | BindingFlags.NonPublic)
            .Select(field => field.GetValue(null))
            .OfType<Delegate>()
            .Select(function => function.Method.DeclaringType?.GetField("DllName")?.GetRawConstantValue() as string)
            .FirstOrDefault(file => file is not null);
        return NativeLibrary.Load(taken ?? Library, client, path);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_LibrdkafkaHandle")]
    [return: UnsafeAccessorType("Confluent.Kafka.Impl.SafeKafkaHandle, Confluent.Kafka")]
    [SuppressMessage("Style", "IDE0051", Justification = "The managed client keeps its native handle to itself.")]
    private static extern object HandleOf(Handle handle);
}
