using System.Runtime.InteropServices;
using System.Text;
using Millrace.Engines;

namespace Millrace.Kafka.Clients;

/// <summary>
/// What the headers are called on Kafka: CloudEvents' Kafka protocol binding in binary mode, and names of our own for what it does not know.
/// The names are kept as unmanaged bytes, which librdkafka copies from.
/// </summary>
internal static unsafe class HeaderNames
{
    /// <summary>The time in microseconds, big-endian, of a record whose time is no whole positive millisecond.</summary>
    public const string Time = "millrace_time";

    /// <summary>Goes with <c>ce_source</c>: the version of CloudEvents.</summary>
    public const string SpecificationVersion = "ce_specversion";

    private static readonly string?[] Names =
    [
        null,
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "ce_partitionkey",
        "ce_correlationid",
        "ce_causationid",
        "ce_sequence",
        "millrace_position",
        "millrace_kind",
        "millrace_snapshot",
        "millrace_key",
        "millrace_expected",
        "millrace_feed",
        "traceparent",
        "millrace_decider",
    ];

    private static readonly Unmanaged[] Known = [.. Names.Select(name => new Unmanaged(name ?? ""))];
    private static readonly Unmanaged TimeBytes = new(Time);
    private static readonly Unmanaged SpecificationVersionBytes = new(SpecificationVersion);
    private static readonly Unmanaged Version = new("1.0");

    /// <summary>Adds one header.</summary>
    /// <exception cref="EngineException">The header has no name on Kafka.</exception>
    public static void Add(nint headers, Header header, ReadOnlySpan<byte> value)
    {
        if ((uint)header >= (uint)Known.Length || Known[(int)header].Length == 0)
        {
            throw new EngineException(
                $"The header {(int)header} has no name on Kafka; a newer version of Millrace wrote it. Run that one."
            );
        }
        Add(headers, Known[(int)header], value);
        if (header == Header.Source)
        {
            Add(headers, SpecificationVersionBytes, Version.Span);
        }
    }

    public static void AddTime(nint headers, ReadOnlySpan<byte> value) => Add(headers, TimeBytes, value);

    /// <summary>Which header a name is; 0 for one that is not ours.</summary>
    public static Header Find(ReadOnlySpan<byte> name)
    {
        for (var i = 1; i < Known.Length; i++)
        {
            if (Known[i].Span.SequenceEqual(name))
            {
                return (Header)i;
            }
        }
        return 0;
    }

    public static bool IsTime(ReadOnlySpan<byte> name) => TimeBytes.Span.SequenceEqual(name);

    private static void Add(nint headers, Unmanaged name, ReadOnlySpan<byte> value)
    {
        byte none = 0;
        fixed (byte* v = value)
        {
            // A null pointer would be a null value, which is another thing than an empty one.
            var error = Native.rd_kafka_header_add(headers, name.Bytes, name.Length, v is null ? &none : v, value.Length);
            if (error != 0)
            {
                throw new EngineException($"A header could not be added: {Native.Text(Native.rd_kafka_err2str(error))}");
            }
        }
    }

    private readonly struct Unmanaged
    {
        public Unmanaged(string text)
        {
            Length = Encoding.UTF8.GetByteCount(text);
            Bytes = (byte*)Marshal.StringToCoTaskMemUTF8(text);
        }

        public byte* Bytes { get; }

        public int Length { get; }

        public ReadOnlySpan<byte> Span => new(Bytes, Length);
    }
}
