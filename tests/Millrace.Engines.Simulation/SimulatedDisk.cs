using Millrace.Testing;

namespace Millrace.Engines.Simulation;

/// <summary>Topics were given more partitions.</summary>
internal sealed record AddedPartitions(Topic[] Topics);

/// <summary>What outlives a simulated process: its log of commits, of which a crash may lose what was not synced.</summary>
internal sealed class SimulatedDisk
{
    /// <summary>Topics that were created, and commits, in order.</summary>
    public List<object> Written { get; } = [];

    /// <summary>How many of them are sure to survive.</summary>
    public int Synced { get; set; }

    /// <summary>The power goes: any number of those not synced is lost, from the end.</summary>
    public void Cut(Random random)
    {
        var kept = random.Next(Synced, Written.Count + 1);
        Written.RemoveRange(kept, Written.Count - kept);
        Synced = kept;
    }

    public MemoryStore Replay()
    {
        var store = new MemoryStore();
        foreach (var written in Written)
        {
            switch (written)
            {
                case Topic[] topics:
                    store.Create(topics);
                    break;
                case AddedPartitions added:
                    store.AddPartitions(added.Topics);
                    break;
                case MemoryCommit commit:
                    store.Apply(commit);
                    break;
            }
        }
        return store;
    }
}
