using System.Buffers.Binary;
using System.Text;

namespace Millrace.MySql.Rows;

/// <summary>Reads the little-endian and length-encoded values of an event body; runs out with an <see cref="ArgumentOutOfRangeException"/>.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    readonly ReadOnlySpan<byte> _bytes = bytes;

    public int Position { get; private set; }

    public readonly int Remaining => _bytes.Length - Position;

    public ReadOnlySpan<byte> Take(int count)
    {
        var taken = _bytes.Slice(Position, count);
        Position += count;
        return taken;
    }

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public ulong UInt48() => Unsigned(Take(6));

    public int Length() => checked((int)LengthEncoded());

    public ulong LengthEncoded() =>
        Byte() switch
        {
            0xFC => UInt16(),
            0xFD => Unsigned(Take(3)),
            0xFE => BinaryPrimitives.ReadUInt64LittleEndian(Take(8)),
            var small => small,
        };

    public ReadOnlySpan<byte> LengthEncodedBytes() => Take(Length());

    /// <summary>A name with its length before and a zero after it.</summary>
    public string Name()
    {
        var name = Encoding.UTF8.GetString(LengthEncodedBytes());
        Take(1);
        return name;
    }

    /// <summary>An unsigned little-endian integer of 1 to 8 bytes.</summary>
    public static ulong Unsigned(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (var i = bytes.Length - 1; i >= 0; i--)
            value = value << 8 | bytes[i];
        return value;
    }

    /// <summary>An unsigned big-endian integer of 1 to 8 bytes.</summary>
    public static ulong UnsignedBig(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        foreach (var b in bytes)
            value = value << 8 | b;
        return value;
    }
}
