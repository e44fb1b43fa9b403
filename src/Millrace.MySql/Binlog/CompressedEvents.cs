using System.Buffers;
using System.IO.Compression;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>
/// Opens MariaDB's compressed events (log_bin_compress): the head of the body as usual, then a byte 0x80 | algorithm &lt;&lt; 4 | n, n bytes of
/// length with the highest first, and a zlib stream.
/// </summary>
internal sealed class CompressedEvents : IDisposable
{
    byte[] _buffer = [];

    public ReadOnlyMemory<byte> OpenQuery(ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        cursor.Skip(4 + 4);
        var database = cursor.U8();
        cursor.Skip(2);
        cursor.Skip(cursor.U16());
        cursor.Skip(database + 1);
        return Open(body, cursor.Position);
    }

    public ReadOnlyMemory<byte> OpenRows(BinlogEventType type, ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        cursor.Skip(6 + 2);
        var bitmap = (cursor.LengthEncodedInt() + 7) / 8;
        cursor.Skip(type == BinlogEventType.MariaDbUpdateRowsCompressed ? 2 * bitmap : bitmap);
        return Open(body, cursor.Position);
    }

    ReadOnlyMemory<byte> Open(ReadOnlySpan<byte> body, int head)
    {
        var cursor = new ByteCursor(body[head..]);
        var mark = cursor.U8();
        if ((mark & 0xf0) != 0x80)
            throw new WireFormatException($"compression 0x{mark:x2} is not known; it must be zlib (0x8.)");
        var length = 0L;
        foreach (var b in cursor.Bytes(mark & 0x07))
            length = length << 8 | b;
        if (head + length > Array.MaxLength)
            throw new WireFormatException($"it says it has {length} bytes uncompressed");
        var total = head + (int)length;
        if (_buffer.Length < total)
        {
            Dispose();
            _buffer = ArrayPool<byte>.Shared.Rent(total);
        }
        body[..head].CopyTo(_buffer);
        Inflate(cursor.Rest, _buffer.AsSpan(head, (int)length));
        return _buffer.AsMemory(0, total);
    }

    static unsafe void Inflate(ReadOnlySpan<byte> compressed, Span<byte> to)
    {
        fixed (byte* start = compressed)
        {
            using var bytes = new UnmanagedMemoryStream(start, compressed.Length);
            using var zlib = new ZLibStream(bytes, CompressionMode.Decompress);
            try
            {
                zlib.ReadExactly(to);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                throw new WireFormatException($"its zlib stream cannot be read: {e.Message}", e);
            }
        }
    }

    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }
}
