using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>Builds the payload of one packet.</summary>
internal sealed class PayloadWriter
{
    readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    public PayloadWriter U8(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
        return this;
    }

    public PayloadWriter U16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.GetSpan(2), value);
        _buffer.Advance(2);
        return this;
    }

    public PayloadWriter U32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
        return this;
    }

    public PayloadWriter U64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
        return this;
    }

    public PayloadWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        _buffer.Write(bytes);
        return this;
    }

    public PayloadWriter Zeros(int count)
    {
        _buffer.GetSpan(count)[..count].Clear();
        _buffer.Advance(count);
        return this;
    }

    public PayloadWriter Text(string text) => Bytes(Encoding.UTF8.GetBytes(text));

    public PayloadWriter NullTerminated(string text) => Text(text).U8(0);

    /// <summary>A string with its length in one byte before it.</summary>
    public PayloadWriter ShortText(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, byte.MaxValue, nameof(text));
        return U8((byte)bytes.Length).Bytes(bytes);
    }

    public PayloadWriter LengthEncoded(ulong value) =>
        value switch
        {
            < 251 => U8((byte)value),
            <= ushort.MaxValue => U8(252).U16((ushort)value),
            < 1 << 24 => U8(253).U16((ushort)value).U8((byte)(value >> 16)),
            _ => U8(254).U64(value),
        };

    public PayloadWriter LengthEncoded(ReadOnlySpan<byte> bytes) => LengthEncoded((ulong)bytes.Length).Bytes(bytes);
}
