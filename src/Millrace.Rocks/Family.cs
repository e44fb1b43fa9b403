namespace Millrace.Rocks;

/// <summary>A column family, and how it is kept.</summary>
/// <param name="Ordinal">Its place among those of its store, from 0.</param>
/// <param name="Name">Its durable name; the first is "default".</param>
internal sealed record Family(int Ordinal, string Name)
{
    /// <summary>Bytes of its write buffer; the store's unless set.</summary>
    public long? WriteBufferBytes { get; init; }

    /// <summary>Whether its blocks are compressed.</summary>
    public bool Compressed { get; init; } = true;

    /// <summary>Whether larger values go to a blob file once, and compaction moves only their references.</summary>
    public bool InBlobs { get; init; }
}
