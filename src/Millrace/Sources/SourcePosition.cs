using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Millrace.Sources;

/// <summary>
/// Where a command stands in its source. Positions of one source are totally ordered: by epoch, then by place in the source's log,
/// then by ordinal in the source transaction. A partition of the command log drops what is at or below the highest it has applied.
/// </summary>
/// <param name="Epoch">Counts how often the source began anew (re-created, server rebuilt, history lost), from 1.</param>
/// <param name="File">The number of the binlog file, or another count that only grows within an epoch.</param>
/// <param name="Offset">The place in the file, in bytes, at which the transaction begins.</param>
/// <param name="Ordinal">The command's place in its transaction, from 0.</param>
[Experimental("MILL0001")]
public readonly record struct SourcePosition(int Epoch, long File, long Offset, int Ordinal = 0) : IComparable<SourcePosition>
{
    /// <summary>The size of <see cref="Write"/>'s output.</summary>
    public const int Size = 24;

    /// <inheritdoc />
    public int CompareTo(SourcePosition other)
    {
        var order = Epoch.CompareTo(other.Epoch);
        order = order != 0 ? order : File.CompareTo(other.File);
        order = order != 0 ? order : Offset.CompareTo(other.Offset);
        return order != 0 ? order : Ordinal.CompareTo(other.Ordinal);
    }

    /// <summary>Whether the left stands before the right.</summary>
    public static bool operator <(SourcePosition left, SourcePosition right) => left.CompareTo(right) < 0;

    /// <summary>Whether the left stands after the right.</summary>
    public static bool operator >(SourcePosition left, SourcePosition right) => left.CompareTo(right) > 0;

    /// <summary>Whether the left stands at or before the right.</summary>
    public static bool operator <=(SourcePosition left, SourcePosition right) => left.CompareTo(right) <= 0;

    /// <summary>Whether the left stands at or after the right.</summary>
    public static bool operator >=(SourcePosition left, SourcePosition right) => left.CompareTo(right) >= 0;

    /// <summary>Writes 24 bytes that sort as the position does.</summary>
    /// <param name="destination">At least <see cref="Size"/> bytes.</param>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteInt32BigEndian(destination, Epoch);
        BinaryPrimitives.WriteInt64BigEndian(destination[4..], File);
        BinaryPrimitives.WriteInt64BigEndian(destination[12..], Offset);
        BinaryPrimitives.WriteInt32BigEndian(destination[20..], Ordinal);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <param name="source">At least <see cref="Size"/> bytes.</param>
    public static SourcePosition Read(ReadOnlySpan<byte> source) =>
        new(
            BinaryPrimitives.ReadInt32BigEndian(source),
            BinaryPrimitives.ReadInt64BigEndian(source[4..]),
            BinaryPrimitives.ReadInt64BigEndian(source[12..]),
            BinaryPrimitives.ReadInt32BigEndian(source[20..])
        );

    /// <summary>The form used in messages and on screens: <c>epoch:file:offset/ordinal</c>.</summary>
    public override string ToString() => $"{Epoch}:{File}:{Offset}/{Ordinal}";
}
