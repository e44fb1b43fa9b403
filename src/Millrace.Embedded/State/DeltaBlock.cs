using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace.Embedded.State;

/// <summary>
/// The state one commit wrote: a version, then for each key its length, the value's length (or -1 where it was deleted), the key and
/// the value.
/// </summary>
internal static class DeltaBlock
{
    private const byte Version = 1;
    private const int Lengths = 8;

    /// <summary>Encodes the writes into a buffer, which grows as needed.</summary>
    /// <returns>The length.</returns>
    public static int Write(StateOverlay writes, ref byte[] buffer)
    {
        var most = 1L + writes.Size + (long)writes.Count * Lengths;
        if (most > buffer.Length)
        {
            if (most > Array.MaxLength)
            {
                throw new EngineException("A transaction wrote more than 2 GB of state; commit in smaller steps.");
            }
            buffer = GC.AllocateUninitializedArray<byte>((int)Math.Min(Array.MaxLength, most * 3 / 2));
        }
        buffer[0] = Version;
        var at = 1;
        for (var i = 0; i < writes.Count; i++)
        {
            var key = writes.Key(i);
            var value = writes.Value(i);
            BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(at), key.Length);
            BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(at + 4), writes.IsDeleted(i) ? -1 : value.Length);
            key.CopyTo(buffer.AsSpan(at + Lengths));
            value.CopyTo(buffer.AsSpan(at + Lengths + key.Length));
            at += Lengths + key.Length + value.Length;
        }
        return at;
    }

    /// <summary>Applies a stored block.</summary>
    public static void Replay(ReadOnlySpan<byte> block, StateOverlay state)
    {
        if (block.IsEmpty || block[0] != Version)
        {
            throw new InvalidDataException($"A state block has format {(block.IsEmpty ? -1 : block[0])}; this version reads {Version}.");
        }
        for (block = block[1..]; !block.IsEmpty; )
        {
            var keyLength = BinaryPrimitives.ReadInt32LittleEndian(block);
            var valueLength = BinaryPrimitives.ReadInt32LittleEndian(block[4..]);
            var key = block.Slice(Lengths, keyLength);
            if (valueLength < 0)
            {
                state.Delete(key);
                valueLength = 0;
            }
            else
            {
                state.Put(key, block.Slice(Lengths + keyLength, valueLength));
            }
            block = block[(Lengths + keyLength + valueLength)..];
        }
    }
}
