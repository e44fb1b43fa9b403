using System.Buffers.Binary;

namespace Millrace.MySql.Binlog;

/// <summary>The 19 bytes before every event.</summary>
/// <param name="Timestamp">Seconds since 1970, of the statement's begin.</param>
/// <param name="Type">What the body is.</param>
/// <param name="ServerId">The server on which the change was made first.</param>
/// <param name="Length">Bytes of the whole event with this header and its checksum.</param>
/// <param name="LogPos">Where the next event begins, modulo 2^32; 0 where the server does not say.</param>
/// <param name="Flags">See <see cref="IsArtificial"/> and <see cref="IsIgnorable"/>.</param>
internal readonly record struct BinlogEventHeader(
    uint Timestamp,
    BinlogEventType Type,
    uint ServerId,
    uint Length,
    uint LogPos,
    ushort Flags
)
{
    public const int Size = 19;

    /// <summary>Set on the format description of a file that its server has open.</summary>
    public const ushort InUseFlag = 0x01;

    /// <summary>Made up by the server for this connection; not in the file.</summary>
    public bool IsArtificial => (Flags & 0x20) != 0;

    /// <summary>A reader that does not know the type may pass over the event.</summary>
    public bool IsIgnorable => (Flags & 0x80) != 0;

    public static BinlogEventHeader Read(ReadOnlySpan<byte> bytes) =>
        new(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            (BinlogEventType)bytes[4],
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[5..]),
            ReadLength(bytes),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[13..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[17..])
        );

    public static uint ReadLength(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[9..]);
}
