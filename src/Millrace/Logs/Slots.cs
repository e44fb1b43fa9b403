using System.IO.Hashing;

namespace Millrace.Engines;

/// <summary>Keys hash to 1,024 virtual slots and slots map to partitions, so that partitions can be added without breaking order.</summary>
internal static class Slots
{
    public const int Count = 1024;

    public static int SlotOf(ReadOnlySpan<byte> key) => (int)(XxHash3.HashToUInt64(key) % Count);

    public static int PartitionOf(ReadOnlySpan<byte> key, int partitions) => SlotOf(key) * partitions / Count;
}
