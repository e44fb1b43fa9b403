using System.Buffers;

namespace Millrace;

/// <summary>
/// Values as bytes that sort as the values do. No value's bytes begin another's, so values can be joined: a tuple sorts by its first
/// item, then its second. The bytes are durable.
/// </summary>
internal static class SortableKey
{
    /// <summary>Writes a key.</summary>
    /// <exception cref="NotSupportedException">The type has no order in bytes; see <see cref="IsSupported{TKey}"/>.</exception>
    public static void Write<TKey>(TKey key, IBufferWriter<byte> destination)
    {
        if (Cached<TKey>.Writer is not { } writer)
        {
            throw new NotSupportedException(
                $"A view cannot be indexed by {typeof(TKey)}. Use an integer, string, bool, decimal, double, DateTimeOffset, DateTime, DateOnly, TimeSpan, Guid, an enum, or a value tuple of these."
            );
        }
        writer(key, destination);
    }

    /// <summary>Whether keys of this type can be written.</summary>
    public static bool IsSupported<TKey>() => Cached<TKey>.Writer is not null;

    /// <summary>Null bytes are escaped and two end it, so that <c>"a"</c> comes before <c>"a\0"</c> and <c>"ab"</c> whatever follows.</summary>
    public static void WriteText(ReadOnlySpan<byte> utf8, IBufferWriter<byte> destination)
    {
        while (utf8.IndexOf((byte)0) is var zero and >= 0)
        {
            destination.Write(utf8[..zero]);
            destination.Write<byte>([0, 1]);
            utf8 = utf8[(zero + 1)..];
        }
        destination.Write(utf8);
        destination.Write<byte>([0, 0]);
    }

    // Resolved once for each type of key: reflection makes the writers of tuples, enums and nullables, and never runs again.
    private static class Cached<TKey>
    {
        public static readonly SortableWriter<TKey>? Writer = (SortableWriter<TKey>?)SortableWriters.For(typeof(TKey));
    }
}

internal delegate void SortableWriter<in T>(T value, IBufferWriter<byte> destination);
