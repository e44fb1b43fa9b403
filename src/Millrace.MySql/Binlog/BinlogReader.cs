using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Text;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>
/// The events of a binlog, one after the other, from a server or a file: checksums verified, compressed ones opened, positions kept.
/// An event is looked at where it was received and is gone with the next <see cref="Read"/>.
/// </summary>
internal sealed class BinlogReader : IAsyncDisposable
{
    const int ChecksumSize = 4;

    readonly BinlogInput _input;
    readonly bool _fromServer;
    readonly CompressedEvents _compressed = new();
    readonly TransactionPayload _payload = new();
    ReadOnlyMemory<byte> _body;
    bool _checksums;
    string _file;
    ulong _start;
    ulong _end;

    BinlogReader(BinlogInput input, bool fromServer, BinlogPosition start, bool checksums)
    {
        _input = input;
        _fromServer = fromServer;
        _file = start.File;
        _start = _end = start.Offset;
        _checksums = checksums;
    }

    /// <summary>Reads what a server sends on a connection that has asked for its binlog.</summary>
    public static BinlogReader OfServer(ServerConnection connection, BinlogPosition start, bool checksums) =>
        new(new ServerInput(connection), true, start, checksums);

    /// <summary>Reads a binlog file, or a pipe that carries one; <paramref name="name"/> is for positions and messages.</summary>
    public static BinlogReader OfFile(Stream stream, string name) =>
        new(new FileInput(stream), false, new BinlogPosition(name, FileInput.MagicSize), checksums: false);

    /// <summary>The current event. Of a compressed one the type is that of what was in it.</summary>
    public BinlogEventHeader Header { get; private set; }

    public BinlogEventType Type => Header.Type;

    /// <summary>The current event without its header and checksum, decompressed.</summary>
    public ReadOnlySpan<byte> Body => _body.Span;

    /// <summary>As <see cref="Body"/>; valid as long.</summary>
    public ReadOnlyMemory<byte> BodyMemory => _body;

    /// <summary>The layout of the current file.</summary>
    public FormatDescription Format { get; private set; } = FormatDescription.None;

    /// <summary>Where the current event begins. Events inside a compressed transaction stand where that stands.</summary>
    public BinlogPosition Start => new(_file, _start);

    /// <summary>Where the current event ends and the next one begins.</summary>
    public BinlogPosition End => new(_file, _end);

    /// <summary>
    /// Goes to the next event; false at the end of a file or of a dump that does not wait. A task that is not complete at once means that
    /// the server has nothing more to send for now.
    /// </summary>
    /// <exception cref="BinlogException">The event cannot be read.</exception>
    /// <exception cref="ConnectionLostException">The connection is gone.</exception>
    /// <exception cref="ServerErrorException">The server ended the stream with an error.</exception>
    public ValueTask<bool> Read(CancellationToken ct)
    {
        while (true)
        {
            if (_payload.IsOpen)
            {
                if (NextOfPayload())
                    return new(true);
                continue;
            }
            var next = _input.Next(End, ct);
            if (!next.IsCompletedSuccessfully)
                return Wait(next, ct);
            var bytes = next.Result;
            if (bytes.IsEmpty)
                return new(false);
            if (Accept(bytes))
                return new(true);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<bool> Wait(ValueTask<ReadOnlyMemory<byte>> next, CancellationToken ct)
    {
        var bytes = await next;
        return !bytes.IsEmpty && (Accept(bytes) || await Read(ct));
    }

    bool NextOfPayload()
    {
        try
        {
            if (!_payload.Next(out var inner))
                return false;
            Header = BinlogEventHeader.Read(inner.Span);
            _body = inner[BinlogEventHeader.Size..];
        }
        catch (WireFormatException e)
        {
            throw new BinlogException(Start, $"the compressed transaction: {e.Message}", e);
        }
        return Open();
    }

    bool Accept(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < BinlogEventHeader.Size)
            throw new BinlogException(End, $"an event of {bytes.Length} bytes is too short for its header");
        Header = BinlogEventHeader.Read(bytes.Span);
        if (Header.Length != bytes.Length)
            throw new BinlogException(End, $"the {Header.Type} event says it has {Header.Length} bytes, {bytes.Length} came");
        try
        {
            if (Header.Type == BinlogEventType.FormatDescription)
            {
                Format = FormatDescription.Read(bytes.Span[BinlogEventHeader.Size..]);
                _checksums = Format.HasChecksums;
            }
            _body = WithoutChecksum(bytes)[BinlogEventHeader.Size..];
            Advance();
            return Open();
        }
        catch (WireFormatException e)
        {
            throw new BinlogException(Start, $"the {Header.Type} event: {e.Message}", e);
        }
    }

    ReadOnlyMemory<byte> WithoutChecksum(ReadOnlyMemory<byte> bytes)
    {
        var here = _checksums;
        // The rotate that begins a dump comes before the format is known; it says by its own bytes whether it is checked.
        if (Header.Type == BinlogEventType.Rotate && Header.IsArtificial)
            here = bytes.Length >= BinlogEventHeader.Size + 8 + ChecksumSize && Written(bytes.Span) == Computed(bytes.Span);
        if (!here)
            return bytes;
        if (bytes.Length < BinlogEventHeader.Size + ChecksumSize)
            throw new WireFormatException("it is too short for its checksum");
        var (written, computed) = (Written(bytes.Span), Computed(bytes.Span));
        if (written != computed)
            throw new BinlogChecksumException(End, Header.Type, written, computed);
        return bytes[..^ChecksumSize];
    }

    static uint Written(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[^ChecksumSize..]);

    uint Computed(ReadOnlySpan<byte> bytes)
    {
        if (Header.Type != BinlogEventType.FormatDescription || (Header.Flags & BinlogEventHeader.InUseFlag) == 0)
            return Crc32.HashToUInt32(bytes[..^ChecksumSize]);
        // The flag that says "not closed yet" is set without a new checksum.
        var closed = bytes[..^ChecksumSize].ToArray();
        closed[17] &= unchecked((byte)~BinlogEventHeader.InUseFlag);
        return Crc32.HashToUInt32(closed);
    }

    /// <summary>
    /// Lengths are added up; what the header says is used only where a server has left events out (it is modulo 2^32, and at times 0).
    /// </summary>
    void Advance()
    {
        switch (Header.Type)
        {
            case BinlogEventType.Rotate when Header.IsArtificial:
                var rotate = RotateEvent.Read(_body.Span);
                MoveTo(rotate.File, rotate.Offset);
                return;
            case BinlogEventType.Heartbeat or BinlogEventType.HeartbeatV2:
                var (file, offset) = HeartbeatEvent.Read(Header, _body.Span);
                if (BinlogPosition.FileNumber(file) != BinlogPosition.FileNumber(_file) && offset != 0)
                    MoveTo(file, offset);
                else
                    _start = _end = Forward(_end, offset);
                return;
            case BinlogEventType.FormatDescription when _fromServer && Header.LogPos == 0:
                // Sent for the sake of a reader that begins further on.
                return;
            case var _ when _fromServer && Header.IsArtificial:
                return;
        }
        _start = _end;
        _end += Header.Length;
        if (_fromServer && Header.LogPos != 0 && Header.LogPos != (uint)_end)
        {
            _end = Forward(_start, Header.LogPos);
            _start = _end - Math.Min(Header.Length, _end);
        }
    }

    void MoveTo(string file, ulong offset)
    {
        _file = file;
        _start = _end = offset;
    }

    /// <summary>The first place at or after <paramref name="from"/> whose low half is <paramref name="offset"/>, if that is a half.</summary>
    static ulong Forward(ulong from, ulong offset)
    {
        if (offset == 0 || offset > uint.MaxValue)
            return Math.Max(from, offset);
        var candidate = from & ~(ulong)uint.MaxValue | offset;
        return candidate >= from ? candidate : candidate + (1UL << 32);
    }

    /// <summary>Whether the event is one to hand out; compressed ones are opened first.</summary>
    bool Open()
    {
        switch (Header.Type)
        {
            case BinlogEventType.TransactionPayload:
                _payload.Open(_body);
                return false;
            case BinlogEventType.MariaDbQueryCompressed:
                _body = _compressed.OpenQuery(_body.Span);
                Header = Header with { Type = BinlogEventType.Query };
                return true;
            case BinlogEventType.MariaDbWriteRowsCompressed:
            case BinlogEventType.MariaDbUpdateRowsCompressed:
            case BinlogEventType.MariaDbDeleteRowsCompressed:
                _body = _compressed.OpenRows(Header.Type, _body.Span);
                Header = Header with { Type = Header.Type - BinlogEventType.MariaDbWriteRowsCompressed + BinlogEventType.WriteRowsV1 };
                return true;
            case BinlogEventType.Rotate when !Header.IsArtificial:
                // A server goes on in the named file; a file ends here.
                if (_fromServer)
                {
                    var rotate = RotateEvent.Read(_body.Span);
                    MoveTo(rotate.File, rotate.Offset);
                }
                return true;
            case BinlogEventType.MariaDbStartEncryption when !_fromServer:
                throw new UnsupportedEventException(Start, "the file is encrypted from here on; read it from its server instead");
            case BinlogEventType.WriteRowsV0 or BinlogEventType.UpdateRowsV0 or BinlogEventType.DeleteRowsV0:
                throw new UnsupportedEventException(Start, $"{Header.Type} is of MySQL 5.1 before its release and not supported");
            case BinlogEventType.Ignorable:
                return false;
            case var type when type <= BinlogEventType.GtidTagged && (type >= BinlogEventType.FormatDescription || IsOldKnown(type)):
            case >= BinlogEventType.MariaDbAnnotateRows and <= BinlogEventType.MariaDbStartEncryption:
                return true;
            default:
                if (Header.IsIgnorable)
                    return false;
                throw new UnsupportedEventException(
                    Start,
                    $"event type {(byte)Header.Type} is not known and may not be passed over. "
                        + $"The server is {(Format.ServerVersion.Length > 0 ? Format.ServerVersion : "of unknown version")}; a newer version of this program may know it."
                );
        }
    }

    static bool IsOldKnown(BinlogEventType type) =>
        type
            is BinlogEventType.Query
                or BinlogEventType.Stop
                or BinlogEventType.Rotate
                or BinlogEventType.IntVar
                or BinlogEventType.Rand
                or BinlogEventType.UserVar;

    public async ValueTask DisposeAsync()
    {
        _payload.Dispose();
        _compressed.Dispose();
        await _input.DisposeAsync();
    }
}
