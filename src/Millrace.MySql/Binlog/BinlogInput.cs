using System.Runtime.CompilerServices;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>Where whole events come from.</summary>
internal abstract class BinlogInput : IAsyncDisposable
{
    /// <summary>The bytes of the next event with header and checksum, valid until the next call; empty at the end.</summary>
    public abstract ValueTask<ReadOnlyMemory<byte>> Next(BinlogPosition at, CancellationToken ct);

    public abstract ValueTask DisposeAsync();
}

/// <summary>Events from a server: a packet each.</summary>
internal sealed class ServerInput(ServerConnection connection) : BinlogInput
{
    public override ValueTask<ReadOnlyMemory<byte>> Next(BinlogPosition at, CancellationToken ct) =>
        connection.Packets.TryRead(out var packet) ? new(Event(packet, at)) : Wait(at, ct);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<ReadOnlyMemory<byte>> Wait(BinlogPosition at, CancellationToken ct)
    {
        ReadOnlyMemory<byte> packet;
        try
        {
            packet = await connection.Packets.Read(ct);
        }
        catch (ConnectionSilentException e)
        {
            throw new ConnectionSilentException($"binlog of {connection.Options} after {at}: {e.Message}", e);
        }
        catch (ConnectionLostException e)
        {
            throw new ConnectionLostException(
                $"binlog of {connection.Options} after {at}: {e.Message}. The server may have been stopped, or the connection ended by an administrator.",
                e
            );
        }
        return Event(packet, at);
    }

    ReadOnlyMemory<byte> Event(ReadOnlyMemory<byte> packet, BinlogPosition at) =>
        packet.Span[0] switch
        {
            0x00 => packet[1..],
            0xfe when packet.Length < 9 => default,
            0xff => throw ServerErrors.Read(packet.Span, $"binlog of {connection.Options} after {at}"),
            var other => throw new BinlogException(at, $"a packet of the stream begins with 0x{other:x2}, which is no event"),
        };

    public override ValueTask DisposeAsync() => connection.DisposeAsync();
}

/// <summary>Events from a binlog file, or from a pipe that carries one.</summary>
internal sealed class FileInput(Stream stream) : BinlogInput
{
    /// <summary>Bytes before the first event.</summary>
    public const int MagicSize = 4;

    readonly ReadBuffer _buffer = new(stream);
    int _taken;
    bool _begun;

    public override ValueTask<ReadOnlyMemory<byte>> Next(BinlogPosition at, CancellationToken ct)
    {
        if (_begun)
        {
            _buffer.Take(_taken);
            _taken = 0;
            if (_buffer.Available >= BinlogEventHeader.Size)
            {
                var length = BinlogEventHeader.ReadLength(_buffer.Span);
                if (length is >= BinlogEventHeader.Size and <= int.MaxValue && _buffer.Available >= length)
                    return new(Event((int)length));
            }
        }
        return Wait(at, ct);
    }

    ReadOnlyMemory<byte> Event(int length)
    {
        _taken = length;
        return _buffer.Memory(0, length);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<ReadOnlyMemory<byte>> Wait(BinlogPosition at, CancellationToken ct)
    {
        if (!_begun)
        {
            await Need(MagicSize, at, ct);
            CheckMagic(at);
            _taken = MagicSize;
            _begun = true;
        }
        _buffer.Take(_taken);
        _taken = 0;
        if (!await _buffer.Ensure(1, ct))
            return default;
        await Need(BinlogEventHeader.Size, at, ct);
        var length = BinlogEventHeader.ReadLength(_buffer.Span);
        if (length < BinlogEventHeader.Size || length > Array.MaxLength)
            throw new BinlogException(
                at,
                $"an event cannot be {length} bytes long: the file is damaged here, or the offset is not where an event begins"
            );
        await Need((int)length, at, ct);
        return Event((int)length);
    }

    async ValueTask Need(int count, BinlogPosition at, CancellationToken ct)
    {
        if (!await _buffer.Ensure(count, ct))
        {
            throw new BinlogTruncatedException(
                at,
                $"the file ends inside an event: {_buffer.Available} of {count} bytes are there. Was the copy complete, and the file closed (FLUSH BINARY LOGS)?"
            );
        }
    }

    void CheckMagic(BinlogPosition at)
    {
        var magic = _buffer.Span[..MagicSize];
        if (magic.SequenceEqual<byte>([0xfe, 0x62, 0x69, 0x6e]))
            return;
        throw new BinlogException(
            at with
            {
                Offset = 0,
            },
            magic.SequenceEqual<byte>([0xfd, 0x62, 0x69, 0x6e])
                ? "the file is encrypted; read it from its server instead"
                : $"this is no binlog file: it begins with {Convert.ToHexStringLower(magic)}, not fe62696e"
        );
    }

    public override async ValueTask DisposeAsync()
    {
        _buffer.Dispose();
        await stream.DisposeAsync();
    }
}
