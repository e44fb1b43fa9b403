namespace Millrace;

/// <summary>The partitions of the command logs.</summary>
/// <param name="Epochs">How many there have been, the newest last.</param>
/// <param name="Moving">Those that have not been handed all of their entities yet.</param>
internal sealed record PartitionsStatus(IReadOnlyList<int> Epochs, IReadOnlyList<MovingPartition> Moving);

/// <summary>A partition that keeps what comes until it has been handed its entities.</summary>
internal sealed record MovingPartition(string Aggregate, int Partition);
