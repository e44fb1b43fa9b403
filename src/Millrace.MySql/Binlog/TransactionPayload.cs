using System.Buffers;
using Millrace.MySql.Protocol;
using ZstdSharp;

namespace Millrace.MySql.Binlog;

/// <summary>
/// MySQL's compressed transaction: one event with all the others inside, without checksums and positions. It is decompressed as it is
/// read, so that it never stands in memory whole.
/// </summary>
internal sealed class TransactionPayload : IDisposable
{
    const int EndField = 0;
    const int CompressionField = 2;
    const int SizeField = 3;
    const ulong Zstd = 0;
    const ulong Uncompressed = 255;
    const int FirstSize = 64 * 1024;

    Decompressor? _decompressor;
    ReadOnlyMemory<byte> _from;
    bool _compressed;
    ulong _left;
    byte[] _buffer = [];
    int _start;
    int _end;

    /// <summary>Whether there may be more events in the current payload.</summary>
    public bool IsOpen { get; private set; }

    public void Open(ReadOnlyMemory<byte> body)
    {
        var cursor = new ByteCursor(body.Span);
        var (compression, size) = (Uncompressed, ulong.MaxValue);
        while (true)
        {
            var field = cursor.LengthEncoded();
            if (field == EndField)
                break;
            var value = new ByteCursor(cursor.Bytes(cursor.LengthEncodedInt()));
            if (field == CompressionField)
                compression = value.LengthEncoded();
            else if (field == SizeField)
                size = value.LengthEncoded();
        }
        if (compression is not (Zstd or Uncompressed))
            throw new WireFormatException($"compression {compression} of a transaction is not known; it must be zstd (0) or none (255)");
        _from = body[cursor.Position..];
        _compressed = compression == Zstd;
        _left = _compressed ? size : (ulong)_from.Length;
        if (_compressed)
        {
            _decompressor ??= new Decompressor();
            _decompressor.ResetStream();
        }
        _start = _end = 0;
        IsOpen = true;
    }

    /// <summary>The next event inside; false at the end.</summary>
    public bool Next(out ReadOnlyMemory<byte> inner)
    {
        inner = default;
        if (!Ensure(BinlogEventHeader.Size))
        {
            IsOpen = false;
            return _end == _start ? false : throw Short(BinlogEventHeader.Size);
        }
        var length = BinlogEventHeader.ReadLength(_buffer.AsSpan(_start));
        if (length < BinlogEventHeader.Size || length > _left || length > Array.MaxLength)
            throw new WireFormatException($"an event inside says it has {length} bytes, {_left} are left");
        if (!Ensure((int)length))
            throw Short((int)length);
        inner = _buffer.AsMemory(_start, (int)length);
        _start += (int)length;
        _left -= length;
        return true;
    }

    WireFormatException Short(int wanted) => new($"it ends inside an event: {_end - _start} of {wanted} bytes are there");

    bool Ensure(int count)
    {
        if (_end - _start >= count)
            return true;
        if (count > _buffer.Length - _start)
            Move(count);
        while (_end - _start < count)
        {
            var (consumed, written) = (0, 0);
            var to = _buffer.AsSpan(_end);
            if (_compressed)
            {
                if (_decompressor!.UnwrapStream(_from.Span, to, out consumed, out written) == OperationStatus.InvalidData)
                    throw new WireFormatException("its zstd stream cannot be read");
            }
            else
            {
                consumed = written = Math.Min(_from.Length, to.Length);
                _from.Span[..written].CopyTo(to);
            }
            _from = _from[consumed..];
            _end += written;
            if (consumed == 0 && written == 0)
                return false;
        }
        return true;
    }

    void Move(int count)
    {
        var unread = _buffer.AsSpan(_start, _end - _start);
        if (count > _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(count, FirstSize));
            unread.CopyTo(larger);
            Return();
            _buffer = larger;
        }
        else
        {
            unread.CopyTo(_buffer);
        }
        _end -= _start;
        _start = 0;
    }

    void Return()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    public void Dispose()
    {
        Return();
        _decompressor?.Dispose();
        _decompressor = null;
    }
}
