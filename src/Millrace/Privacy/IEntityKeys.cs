namespace Millrace;

/// <summary>
/// Keeps the keys that the records of personal aggregates are encrypted with, one an entity. The runtime has one in the engine's state; register
/// another in DI to keep them elsewhere. Safe for concurrent use. It is asked on the path of the data, so it answers from memory where it can.
/// </summary>
public interface IEntityKeys
{
    /// <summary>The keys that an entity has and had.</summary>
    /// <param name="aggregate">The aggregate's name.</param>
    /// <param name="entity">The entity's id.</param>
    EntityKeyRing Find(string aggregate, string entity);

    /// <summary>The key of an entity, a new one where it has none. It may not be kept yet: see <see cref="SaveAsync"/>.</summary>
    /// <param name="aggregate">The aggregate's name.</param>
    /// <param name="entity">The entity's id.</param>
    EntityKey GetOrCreate(string aggregate, string entity);

    /// <summary>Completes when every key that was given out would survive a power cut. No record is written with a key before.</summary>
    /// <param name="cancellation">Stops waiting.</param>
    ValueTask SaveAsync(CancellationToken cancellation);

    /// <summary>Destroys the key of an entity and remembers its id for good. Nothing happens where there is none.</summary>
    /// <param name="aggregate">The aggregate's name.</param>
    /// <param name="entity">The entity's id.</param>
    /// <param name="cancellation">Stops waiting.</param>
    ValueTask DropAsync(string aggregate, string entity, CancellationToken cancellation);
}

/// <summary>A key of an entity.</summary>
/// <param name="Id">What records name it by; never given twice.</param>
/// <param name="Secret">32 random bytes.</param>
public sealed record EntityKey(long Id, ReadOnlyMemory<byte> Secret);

/// <summary>The keys of an entity.</summary>
/// <param name="Current">The key in use; null where it has none.</param>
/// <param name="Dropped">The ids of the keys that were destroyed: what they encrypted is erased, not lost.</param>
public readonly record struct EntityKeyRing(EntityKey? Current, IReadOnlyList<long> Dropped);
