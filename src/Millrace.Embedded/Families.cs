using Millrace.Rocks;

namespace Millrace.Embedded;

/// <summary>The column families of an embedded engine's folder.</summary>
internal static class Families
{
    /// <summary>Names, topics and positions.</summary>
    public static readonly Family Catalog = new(0, "default") { WriteBufferBytes = 4 << 20 };

    /// <summary>Log blocks: (topic, partition, first offset) to records.</summary>
    public static readonly Family Log = new(1, "log") { InBlobs = true };

    /// <summary>State as of the last checkpoint of its table: (owner, partition, key) to value.</summary>
    public static readonly Family State = new(2, "state");

    /// <summary>State written since that checkpoint, one block a commit: (owner, partition, number) to writes.</summary>
    public static readonly Family Delta = new(3, "delta") { Compressed = false };

    public static readonly IReadOnlyList<Family> All = [Catalog, Log, State, Delta];
}
