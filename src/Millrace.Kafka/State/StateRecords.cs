using System.Buffers.Binary;
using System.Text;

namespace Millrace.Kafka.State;

/// <summary>
/// How a state stands in its topic: a record a key, and after them, as the last of each transaction in a partition, one for each input with the
/// position that belongs to it. The first byte of a record's key says which it is.
/// </summary>
internal static class StateRecords
{
    private const byte RowMark = (byte)'s';
    private const byte PositionMark = (byte)'p';

    /// <summary>The key of a row, in a buffer that is used again.</summary>
    public static ReadOnlySpan<byte> RowKey(ref byte[] buffer, ReadOnlySpan<byte> key)
    {
        if (buffer.Length < key.Length + 1)
        {
            buffer = new byte[(key.Length + 1) * 2];
        }
        buffer[0] = RowMark;
        key.CopyTo(buffer.AsSpan(1));
        return buffer.AsSpan(0, key.Length + 1);
    }

    /// <summary>The key of an input's position; an appender, which has no input, writes one for the empty name.</summary>
    public static byte[] PositionKey(string input) => [PositionMark, .. Encoding.UTF8.GetBytes(input)];

    public static byte[] Position(long offset)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, offset);
        return bytes;
    }

    public static bool IsPosition(ReadOnlySpan<byte> key) => key[0] == PositionMark;

    public static string Input(ReadOnlySpan<byte> key) => Encoding.UTF8.GetString(key[1..]);

    public static long Offset(ReadOnlySpan<byte> value) => BinaryPrimitives.ReadInt64BigEndian(value);
}
