using System.Runtime.CompilerServices;

namespace Millrace.MySql.Protocol;

/// <summary>
/// Packets over a stream: three bytes of length, one of sequence, the payload; a payload of 0xFFFFFF bytes goes on in the next packet.
/// </summary>
internal sealed class PacketStream(Stream stream) : IDisposable
{
    const int HeaderSize = 4;
    const int MaxPart = 0xFF_FFFF;

    ReadBuffer _buffer = new(stream);
    byte _sequence;
    int _taken;

    /// <summary>Begins a new exchange: the next packet written has the number 0.</summary>
    public void Restart() => _sequence = 0;

    /// <summary>Goes on over an encrypted stream. What came before it in clear text must not be read as if it had been encrypted.</summary>
    public void Upgrade(Stream encrypted)
    {
        _buffer.Take(_taken);
        _taken = 0;
        if (_buffer.Available != 0)
            throw new WireFormatException("the server sent more in clear text after it had agreed to TLS");
        _buffer.Dispose();
        _buffer = new ReadBuffer(encrypted);
        stream = encrypted;
    }

    /// <summary>The next payload where it is here already and in one packet; valid until the next call.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> payload)
    {
        _buffer.Take(_taken);
        _taken = 0;
        payload = default;
        if (_buffer.Available < HeaderSize)
            return false;
        var header = _buffer.Span;
        var length = header[0] | header[1] << 8 | header[2] << 16;
        if (length == MaxPart || _buffer.Available < HeaderSize + length)
            return false;
        _taken = HeaderSize + length;
        _sequence = (byte)(header[3] + 1);
        payload = _buffer.Memory(HeaderSize, length);
        return true;
    }

    /// <summary>The next payload, valid until the next call.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ReadOnlyMemory<byte>> Read(CancellationToken ct)
    {
        _buffer.Take(_taken);
        _taken = 0;
        var total = 0;
        while (true)
        {
            await Need(_taken + HeaderSize, ct);
            var part = PartLength(_taken);
            if ((long)_taken + HeaderSize + part > Array.MaxLength)
                throw new WireFormatException("a packet of more than 2 GB; the server's max_allowed_packet should be at most 1 GB");
            await Need(_taken + HeaderSize + part, ct);
            if (_taken > 0)
                Close(HeaderSize + total, _taken + HeaderSize, part);
            _taken += HeaderSize + part;
            total += part;
            if (part < MaxPart)
                return _buffer.Memory(HeaderSize, total);
        }
    }

    int PartLength(int at)
    {
        var header = _buffer.Span.Slice(at, HeaderSize);
        _sequence = (byte)(header[3] + 1);
        return header[0] | header[1] << 8 | header[2] << 16;
    }

    /// <summary>Moves a following part over its header, so that the payload is in one piece.</summary>
    void Close(int to, int from, int length) => _buffer.Span.Slice(from, length).CopyTo(_buffer.Span[to..]);

    async ValueTask Need(int count, CancellationToken ct)
    {
        try
        {
            if (await _buffer.Ensure(count, ct))
                return;
        }
        catch (IOException e)
        {
            throw Lost(e);
        }
        throw new ConnectionLostException(
            _buffer.Available == 0
                ? "the server closed the connection"
                : $"the connection ended inside a packet: {_buffer.Available} of {count} bytes had come"
        );
    }

    public async ValueTask Write(ReadOnlyMemory<byte> payload, CancellationToken ct)
    {
        while (true)
        {
            var part = Math.Min(payload.Length, MaxPart);
            var packet = new byte[HeaderSize + part];
            packet[0] = (byte)part;
            packet[1] = (byte)(part >> 8);
            packet[2] = (byte)(part >> 16);
            packet[3] = _sequence++;
            payload[..part].CopyTo(packet.AsMemory(HeaderSize));
            try
            {
                await stream.WriteAsync(packet, ct);
            }
            catch (IOException e)
            {
                throw Lost(e);
            }
            payload = payload[part..];
            if (part < MaxPart)
                return;
        }
    }

    /// <summary>TLS wraps what went wrong below it.</summary>
    static WireException Lost(IOException e) =>
        e.InnerException as WireException ?? new ConnectionLostException($"the connection broke: {e.Message}", e);

    public void Dispose() => _buffer.Dispose();
}
