using System.Buffers.Binary;
using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>Reads the protocol's little-endian fields one after the other; what is shorter than it says throws <see cref="WireFormatException"/>.</summary>
internal ref struct ByteCursor(ReadOnlySpan<byte> data)
{
    readonly ReadOnlySpan<byte> _data = data;
    int _at;

    public readonly int Position => _at;

    public readonly int Remaining => _data.Length - _at;

    public readonly ReadOnlySpan<byte> Rest => _data[_at..];

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if ((uint)count > (uint)Remaining)
            WireFormatException.Throw(count, Remaining, _at);
        var taken = _data.Slice(_at, count);
        _at += count;
        return taken;
    }

    public void Skip(int count) => Bytes(count);

    public byte U8() => Bytes(1)[0];

    public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    /// <summary>An unsigned integer of 1 to 8 bytes.</summary>
    public ulong Unsigned(int bytes)
    {
        var value = 0UL;
        var taken = Bytes(bytes);
        for (var i = bytes - 1; i >= 0; i--)
            value = value << 8 | taken[i];
        return value;
    }

    /// <summary>A length-encoded integer: one byte below 251, else 252, 253 or 254 and 2, 3 or 8 bytes.</summary>
    public ulong LengthEncoded()
    {
        var first = U8();
        return first switch
        {
            < 251 => first,
            252 => U16(),
            253 => Unsigned(3),
            254 => U64(),
            _ => throw new WireFormatException($"0x{first:x2} does not begin a length-encoded integer (at byte {_at - 1})"),
        };
    }

    public int LengthEncodedInt()
    {
        var value = LengthEncoded();
        return value <= int.MaxValue ? (int)value : throw new WireFormatException($"a length of {value} bytes is out of range");
    }

    /// <summary>
    /// An unsigned integer of MySQL's serialization library: as many one-bits at the low end of the first byte as bytes follow it
    /// (dev.mysql.com, PageLibsMysqlSerialization).
    /// </summary>
    public ulong Varlen()
    {
        var first = _data.Length > _at ? _data[_at] : U8();
        var count = System.Numerics.BitOperations.TrailingZeroCount((uint)(byte)~first | 0x100) + 1;
        if (count == 9)
        {
            Skip(1);
            return U64();
        }
        return Unsigned(count) >> count;
    }

    /// <summary>The signed form of <see cref="Varlen"/>: its lowest bit is the sign.</summary>
    public long VarlenSigned()
    {
        var value = Varlen();
        return (value & 1) == 0 ? (long)(value >> 1) : -1 - (long)(value >> 1);
    }

    public ReadOnlySpan<byte> NullTerminated()
    {
        var length = Rest.IndexOf((byte)0);
        if (length < 0)
            throw new WireFormatException($"a string without its terminating zero (at byte {_at})");
        var taken = Bytes(length);
        _at++;
        return taken;
    }

    public string Utf8(int length) => Encoding.UTF8.GetString(Bytes(length));
}
