using System.Buffers;

namespace Millrace;

/// <summary>Values as bytes that sort as the values do.</summary>
internal static class SortableKey
{
    public static void Write<TKey>(TKey key, IBufferWriter<byte> destination) =>
        throw new NotSupportedException($"A view cannot be indexed by {typeof(TKey)}.");
}
