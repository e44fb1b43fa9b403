using System.Buffers;
using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace;

/// <summary>An event or control as it comes to a view, a reaction or a router, or as it was kept for later.</summary>
/// <param name="Feed">The partition of the event log it came from; 0 where there is only one.</param>
/// <param name="Moment">The moment that partition had reached with it.</param>
/// <param name="Time">Its own time, in microseconds.</param>
/// <param name="Key">Its key.</param>
/// <param name="Headers">Its packed headers.</param>
/// <param name="Value">Its value.</param>
internal readonly record struct Incoming(
    int Feed,
    long Moment,
    long Time,
    ReadOnlyMemory<byte> Key,
    ReadOnlyMemory<byte> Headers,
    ReadOnlyMemory<byte> Value
)
{
    private const int Fixed = 4 + 8 + 8 + 4 + 4;

    public static Incoming Of(in Record record, int feed, long moment) =>
        new(feed, moment, record.Time, record.Key, record.Headers, record.Value);

    /// <summary>Writes it whole, to be kept in the state.</summary>
    public void Write(IBufferWriter<byte> destination)
    {
        var span = destination.GetSpan(Fixed);
        BinaryPrimitives.WriteInt32LittleEndian(span, Feed);
        BinaryPrimitives.WriteInt64LittleEndian(span[4..], Moment);
        BinaryPrimitives.WriteInt64LittleEndian(span[12..], Time);
        BinaryPrimitives.WriteInt32LittleEndian(span[20..], Key.Length);
        BinaryPrimitives.WriteInt32LittleEndian(span[24..], Headers.Length);
        destination.Advance(Fixed);
        destination.Write(Key.Span);
        destination.Write(Headers.Span);
        destination.Write(Value.Span);
    }

    /// <summary>Reads what <see cref="Write"/> wrote; it refers to the bytes given.</summary>
    public static Incoming Read(ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span;
        var key = BinaryPrimitives.ReadInt32LittleEndian(span[20..]);
        var headers = BinaryPrimitives.ReadInt32LittleEndian(span[24..]);
        return new(
            BinaryPrimitives.ReadInt32LittleEndian(span),
            BinaryPrimitives.ReadInt64LittleEndian(span[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(span[12..]),
            bytes.Slice(Fixed, key),
            bytes.Slice(Fixed + key, headers),
            bytes[(Fixed + key + headers)..]
        );
    }
}
