using System.Runtime.InteropServices;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Who decides for the entities of one partition of an event log: at first the partition of the command log with the same number, and where partitions
/// were added others as well. Each has a time of its own, so each is a feed of its own to whoever reads. It follows from the event log alone: a partition
/// says in it which entities leave, behind their last event that it decided.
/// </summary>
/// <param name="partition">The partition of the event log.</param>
internal sealed class Feeders(int partition)
{
    private const byte Kind = 7;

    private int[]? _owners;

    /// <summary>Whether there is more than one.</summary>
    public bool AreMany => _owners is not null;

    /// <summary>A feed's number where feeds of several event logs meet. The one that was there at first has its partition's.</summary>
    /// <param name="decider">The partition of the command log.</param>
    /// <param name="log">The partition of the event log.</param>
    /// <param name="logs">How many partitions the event log has.</param>
    public static int FeedOf(int decider, int log, int logs) => decider < logs ? log : (decider * logs) + log;

    /// <summary>The partition of the event log that a feed comes from.</summary>
    public static int LogOf(int feed, int logs) => feed % logs;

    /// <summary>The partition of the command log that a record comes from.</summary>
    public int Of(in EventHeaders headers, ReadOnlySpan<byte> key) =>
        headers.IsControl && key.IsEmpty ? (headers.Decider < 0 ? partition : headers.Decider)
        : _owners is null ? partition
        : _owners[Slots.SlotOf(key)];

    /// <summary>Entities leave a partition of the command log.</summary>
    /// <returns>Where they go.</returns>
    public IReadOnlyList<int> Grow(ITransaction transaction, GrownRecord grown)
    {
        var map = PartitionMap.Of(grown.Partitions);
        if (_owners is null)
        {
            _owners = new int[Slots.Count];
            Array.Fill(_owners, partition);
        }
        var joined = new SortedSet<int>();
        for (var slot = 0; slot < Slots.Count; slot++)
        {
            if (_owners[slot] == grown.From && map.OwnerOf(slot, 1) == partition && map.OwnerOf(slot) != grown.From)
            {
                _owners[slot] = map.OwnerOf(slot);
                joined.Add(_owners[slot]);
            }
        }
        transaction.Put([Kind], MemoryMarshal.AsBytes<int>(_owners));
        return [.. joined];
    }

    public void Load(IStateReader state) =>
        _owners = state.TryGet([Kind], out var owners) ? MemoryMarshal.Cast<byte, int>(owners).ToArray() : null;

    /// <summary>Reads what a partition says when entities leave it.</summary>
    public static GrownRecord Read(ReadOnlySpan<byte> value) => JsonSerializer.Deserialize(value, MillraceJson.Default.GrownRecord)!;
}
