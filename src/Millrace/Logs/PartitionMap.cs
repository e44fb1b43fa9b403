namespace Millrace.Engines;

/// <summary>
/// Which partition of a command log has which slot, through all times that partitions were added: an epoch is a number of partitions, and the first
/// is that of the first start. It follows from the numbers alone, so that every process makes the same of them.
/// </summary>
/// <remarks>
/// A slot moves to a new partition only, and as few move as an even share needs: each new partition takes, one by one, the last slot of whichever has
/// most (of the first of them). So a partition of the first epoch never gets a slot that was not its own.
/// </remarks>
internal sealed class PartitionMap
{
    private readonly ushort[][] _owners;

    private PartitionMap(int[] counts, ushort[][] owners)
    {
        Counts = counts;
        _owners = owners;
    }

    /// <summary>The number of partitions in each epoch.</summary>
    public IReadOnlyList<int> Counts { get; }

    /// <summary>The epoch, from 1.</summary>
    public int Epoch => Counts.Count;

    /// <summary>How many partitions there are.</summary>
    public int Partitions => Counts[^1];

    /// <summary>How many there were at first.</summary>
    public int First => Counts[0];

    public static PartitionMap Of(params IReadOnlyList<int> counts)
    {
        var owners = new ushort[counts.Count][];
        owners[0] = new ushort[Slots.Count];
        for (var slot = 0; slot < Slots.Count; slot++)
        {
            owners[0][slot] = (ushort)(slot * counts[0] / Slots.Count);
        }
        for (var epoch = 1; epoch < counts.Count; epoch++)
        {
            owners[epoch] = Grow(owners[epoch - 1], counts[epoch - 1], counts[epoch]);
        }
        return new PartitionMap([.. counts], owners);
    }

    /// <summary>The map with one more epoch.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not more partitions, or more than there are slots.</exception>
    public PartitionMap With(int partitions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(partitions, Partitions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(partitions, Slots.Count);
        return Of([.. Counts, partitions]);
    }

    public int PartitionOf(ReadOnlySpan<byte> key) => _owners[^1][Slots.SlotOf(key)];

    /// <summary>The partition that has a slot now.</summary>
    public int OwnerOf(int slot) => _owners[^1][slot];

    /// <summary>The partition that had a slot in an epoch.</summary>
    public int OwnerOf(int slot, int epoch) => _owners[epoch - 1][slot];

    /// <summary>The epoch in which a partition came.</summary>
    public int EpochOf(int partition)
    {
        var epoch = 1;
        while (Counts[epoch - 1] <= partition)
        {
            epoch++;
        }
        return epoch;
    }

    /// <summary>Where a slot went that a partition had: its next owner after this one; the partition itself where it has it still.</summary>
    public int After(int slot, int partition)
    {
        var had = false;
        foreach (var owners in _owners)
        {
            if (owners[slot] == partition)
            {
                had = true;
            }
            else if (had)
            {
                return owners[slot];
            }
        }
        return had ? partition : _owners[^1][slot];
    }

    /// <summary>The partitions of the first epoch whose slots a partition has or had: it writes into these partitions of the event log.</summary>
    public int[] Origins(int partition)
    {
        var owners = _owners[EpochOf(partition) - 1];
        var origins = new SortedSet<int>();
        for (var slot = 0; slot < Slots.Count; slot++)
        {
            if (owners[slot] == partition)
            {
                origins.Add(_owners[0][slot]);
            }
        }
        return [.. origins];
    }

    private static ushort[] Grow(ushort[] before, int from, int to)
    {
        var owners = (ushort[])before.Clone();
        var sizes = new int[to];
        foreach (var owner in owners)
        {
            sizes[owner]++;
        }
        for (var added = from; added < to; added++)
        {
            var share = (Slots.Count * (added + 1) / to) - (Slots.Count * added / to);
            for (; sizes[added] < share; sizes[added]++)
            {
                var largest = Largest(sizes.AsSpan(0, from));
                owners[Array.LastIndexOf(owners, (ushort)largest)] = (ushort)added;
                sizes[largest]--;
            }
        }
        return owners;
    }

    private static int Largest(ReadOnlySpan<int> sizes)
    {
        var largest = 0;
        for (var i = 1; i < sizes.Length; i++)
        {
            largest = sizes[i] > sizes[largest] ? i : largest;
        }
        return largest;
    }
}
