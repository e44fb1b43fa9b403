using System.Buffers;
using System.Buffers.Binary;

namespace Millrace;

/// <summary>A key of the state under construction: bytes that sort, in a buffer that is used again and again.</summary>
internal sealed class KeyBuffer : IBufferWriter<byte>
{
    private byte[] _bytes = new byte[64];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    public static implicit operator ReadOnlySpan<byte>(KeyBuffer key) => key.Span;

    /// <summary>Begins anew, with the byte that says what kind of key it is.</summary>
    public KeyBuffer Start(byte kind)
    {
        Length = 0;
        GetSpan(1)[0] = kind;
        Length = 1;
        return this;
    }

    public KeyBuffer Clear()
    {
        Length = 0;
        return this;
    }

    /// <summary>Bytes as they are: the last part of a key, or one of fixed length.</summary>
    public KeyBuffer Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        Length += bytes.Length;
        return this;
    }

    /// <summary>Bytes that another part follows: escaped and ended.</summary>
    public KeyBuffer Text(ReadOnlySpan<byte> bytes)
    {
        SortableKey.WriteText(bytes, this);
        return this;
    }

    /// <summary>A number that sorts by its value.</summary>
    public KeyBuffer Number(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(GetSpan(8), value ^ long.MinValue);
        Length += 8;
        return this;
    }

    /// <summary>Reads a number that <see cref="Number"/> wrote.</summary>
    public static long ReadNumber(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64BigEndian(bytes) ^ long.MinValue;

    public void Advance(int count) => Length += count;

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        var room = Math.Max(sizeHint, 1);
        if (_bytes.Length - Length < room)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + room));
        }
        return _bytes.AsSpan(Length);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        GetSpan(sizeHint);
        return _bytes.AsMemory(Length);
    }
}
