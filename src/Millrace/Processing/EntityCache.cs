namespace Millrace;

/// <summary>
/// The entities of a partition at hand, by key bytes. The least used go when there are too many (a clock hand); one with unwritten
/// changes never goes.
/// </summary>
internal sealed class EntityCache<TState>(int capacity)
    where TState : class
{
    private readonly Dictionary<byte[], Entity<TState>> _entities = new(BytesComparer.Instance);
    private readonly List<Entity<TState>> _clock = [];
    private int _hand;

    public Entity<TState>? Find(ReadOnlySpan<byte> key)
    {
        if (_entities.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out var entity))
        {
            entity.Used = true;
            return entity;
        }
        return null;
    }

    public void Add(Entity<TState> entity)
    {
        entity.Used = true;
        _entities[entity.Key] = entity;
        if (_clock.Count < capacity)
        {
            _clock.Add(entity);
            return;
        }
        for (var looked = 0; looked <= _clock.Count * 2; looked++)
        {
            _hand = (_hand + 1) % _clock.Count;
            var old = _clock[_hand];
            if (old.Dirty)
            {
                continue;
            }
            if (old.Used)
            {
                old.Used = false;
                continue;
            }
            if (_entities.TryGetValue(old.Key, out var current) && ReferenceEquals(current, old))
            {
                _entities.Remove(old.Key);
            }
            _clock[_hand] = entity;
            return;
        }
        // All of them are unwritten: the batch is larger than the cache.
        _clock.Add(entity);
    }
}
