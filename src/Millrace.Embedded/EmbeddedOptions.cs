namespace Millrace;

/// <summary>How the embedded engine keeps its data.</summary>
public sealed class EmbeddedOptions
{
    /// <summary>The folder; created where it is missing, and used by one process at a time.</summary>
    public required string Folder { get; init; }

    /// <summary>
    /// How often commits are synced to the disk together; 10 ms unless set. A power cut loses at most the commits of this long, and
    /// always the last ones: logs, state and positions stay consistent. <see cref="TimeSpan.Zero"/> syncs every commit before anybody
    /// can read it.
    /// </summary>
    public TimeSpan SyncEvery { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Bytes of recent log blocks kept in memory for readers at the end of a log; 64 MB unless set.</summary>
    public long TailBytes { get; init; } = 64L << 20;

    /// <summary>Bytes of state kept in memory, written and read, over all groups; 256 MB unless set.</summary>
    public long StateBytes { get; init; } = 256L << 20;

    /// <summary>
    /// Bytes to leave free on the disk; commits are refused below, and go on when there is room again. 256 MB unless set. It must
    /// hold what is written in the background: a few times <see cref="WriteBufferBytes"/>.
    /// </summary>
    public long ReserveBytes { get; init; } = 256L << 20;

    /// <summary>Bytes of RocksDB's write buffer for each kind of data; 64 MB unless set.</summary>
    public long WriteBufferBytes { get; init; } = 64L << 20;

    /// <summary>Bytes of RocksDB's block cache; 128 MB unless set.</summary>
    public long BlockCacheBytes { get; init; } = 128L << 20;
}
