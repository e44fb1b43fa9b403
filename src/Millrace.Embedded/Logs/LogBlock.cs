using System.Buffers;
using System.Buffers.Binary;

namespace Millrace.Embedded.Logs;

/// <summary>
/// The records of one commit in one partition: a version, their number, and each record as lengths (LEB128) of key, headers and
/// value, its time, and the three. In memory it is the very bytes that are stored; who reads them holds the block.
/// </summary>
internal sealed class LogBlock(byte[] bytes, int count)
{
    public const byte Version = 1;
    public const int HeaderLength = 5;

    private int _holders = 1;

    /// <summary>The offset of its first record.</summary>
    public required long First { get; init; }

    public int Count => count;

    public long End => First + count;

    public byte[] Bytes => bytes;

    /// <summary>A stored block, in an array of its own from the pool.</summary>
    public static LogBlock Copy(long first, ReadOnlySpan<byte> stored)
    {
        if (stored.Length < HeaderLength || stored[0] != Version)
        {
            throw new InvalidDataException(
                $"The log block at offset {first} has format {(stored.IsEmpty ? -1 : stored[0])}; this version reads {Version}."
            );
        }
        var bytes = ArrayPool<byte>.Shared.Rent(stored.Length);
        stored.CopyTo(bytes);
        return new LogBlock(bytes, CountOf(stored)) { First = first };
    }

    /// <summary>The number of records in a stored block.</summary>
    public static int CountOf(ReadOnlySpan<byte> stored) => BinaryPrimitives.ReadInt32LittleEndian(stored[1..]);

    public void Hold() => Interlocked.Increment(ref _holders);

    /// <summary>Gives it up; the last holder gives its memory back.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
