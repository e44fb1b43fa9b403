using System.Buffers.Binary;
using System.Text;

namespace Millrace;

/// <summary>The keys of a view's state. The bytes are durable.</summary>
/// <remarks>
/// A document stands under its key. An index entry stands under index, place and key, and has the document itself as its value, so that a
/// range is one walk over one consistent read.
/// </remarks>
internal static class ViewKeys
{
    public const byte Document = 1;
    public const byte Index = 2;

    public static ReadOnlySpan<byte> Count => [3];

    /// <summary>Begins an index's keys: name, ended by a null byte, which no name has.</summary>
    public static KeyBuffer StartIndex(this KeyBuffer key, ReadOnlySpan<byte> name) => key.Start(Index).Raw(name).Raw([0]);

    /// <summary>An index entry's value: how long the document's key at the end of its key is, then the document.</summary>
    public static void WriteEntry(KeyBuffer destination, int keyLength, ReadOnlySpan<byte> json)
    {
        BinaryPrimitives.WriteInt32LittleEndian(destination.Clear().GetSpan(4), keyLength);
        destination.Advance(4);
        destination.Raw(json);
    }

    public static string KeyOfEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        Encoding.UTF8.GetString(key[^BinaryPrimitives.ReadInt32LittleEndian(value)..]);

    public static ReadOnlySpan<byte> DocumentOfEntry(ReadOnlySpan<byte> value) => value[4..];
}
