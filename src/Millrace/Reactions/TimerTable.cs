using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace;

/// <summary>The armed timers of one partition of a reaction: by key and name, and in the order in which they are due. The bytes are durable.</summary>
internal sealed class TimerTable
{
    private const byte ByName = 2;
    private const byte ByDue = 3;

    private readonly KeyBuffer _name = new();
    private readonly KeyBuffer _due = new();
    private readonly KeyBuffer _end = new();
    private readonly KeyBuffer _value = new();
    private readonly KeyBuffer _from = new();
    private bool _stale;

    // None is due before this: a walk that began at the first key would pass every timer deleted since the last compaction.
    private long _earliest = long.MinValue;

    private static ReadOnlySpan<byte> CountKey => [5, (byte)'a'];

    /// <summary>How many are armed, those of parked keys included.</summary>
    public long Armed { get; private set; }

    /// <summary>When the first is due; <see cref="TimerRegistry.Never"/> where none is.</summary>
    public long NextDue { get; private set; } = TimerRegistry.Never;

    public void Load(IStateReader state)
    {
        Armed = state.TryGet(CountKey, out var count) ? BinaryPrimitives.ReadInt64LittleEndian(count) : 0;
        FindNext(state);
    }

    public void Save(ITransaction transaction)
    {
        Refresh(transaction);
        Span<byte> count = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(count, Armed);
        if (!transaction.TryGet(CountKey, out var saved) || !saved.SequenceEqual(count))
        {
            transaction.Put(CountKey, count);
        }
    }

    /// <summary>Arms a timer, or replaces the one of that name.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="key">The reaction's key.</param>
    /// <param name="name">The timer's name.</param>
    /// <param name="due">When, in microseconds.</param>
    /// <param name="payload">What to do then.</param>
    public void Arm(ITransaction transaction, ReadOnlySpan<byte> key, ReadOnlySpan<byte> name, long due, ReadOnlySpan<byte> payload)
    {
        Cancel(transaction, key, name);
        BinaryPrimitives.WriteInt64LittleEndian(_value.Clear().GetSpan(8), due);
        _value.Advance(8);
        transaction.Put(NameKey(key, name), _value.Raw(payload));
        PutDue(transaction, key, name, due);
        Armed++;
    }

    /// <summary>Cancels a timer; nothing happens when it is not armed.</summary>
    public void Cancel(ITransaction transaction, ReadOnlySpan<byte> key, ReadOnlySpan<byte> name)
    {
        if (transaction.TryGet(NameKey(key, name), out var armed))
        {
            var due = BinaryPrimitives.ReadInt64LittleEndian(armed);
            transaction.Delete(_name);
            DeleteDue(transaction, key, name, due);
            Armed--;
        }
    }

    /// <summary>Cancels every timer of a key.</summary>
    public void Forget(ITransaction transaction, ReadOnlySpan<byte> key)
    {
        foreach (var (name, due) in Named(transaction, key))
        {
            transaction.Delete(NameKey(key, name));
            DeleteDue(transaction, key, name, due);
            Armed--;
        }
    }

    /// <summary>Cancels every timer that wants something because of an entity, whatever its key.</summary>
    public void ForgetEntity(ITransaction transaction, ReadOnlySpan<byte> entity)
    {
        var found = new List<(byte[] NameKey, long Due)>();
        using (var cursor = transaction.Range([ByName], [ByName + 1]))
        {
            while (cursor.MoveNext())
            {
                if (IntentWriter.IsOf(cursor.Value[8..], entity))
                {
                    found.Add((cursor.Key.ToArray(), BinaryPrimitives.ReadInt64LittleEndian(cursor.Value)));
                }
            }
        }
        foreach (var (nameKey, due) in found)
        {
            transaction.Delete(nameKey);
            // Both keys end in the same parts: the reaction's key and the name.
            transaction.Delete(_due.Start(ByDue).Number(due).Raw(nameKey.AsSpan(1)));
            _stale |= due == NextDue;
            Armed--;
        }
    }

    /// <summary>Keeps a key's timers from firing while it is parked: what would have cancelled one may be waiting.</summary>
    public void Suspend(ITransaction transaction, ReadOnlySpan<byte> key)
    {
        foreach (var (name, due) in Named(transaction, key))
        {
            DeleteDue(transaction, key, name, due);
        }
    }

    /// <summary>Lets a key's timers fire again.</summary>
    public void Resume(ITransaction transaction, ReadOnlySpan<byte> key)
    {
        foreach (var (name, due) in Named(transaction, key))
        {
            PutDue(transaction, key, name, due);
        }
    }

    /// <summary>Whether a timer is due at or before a moment.</summary>
    public bool IsDue(ITransaction transaction, long moment)
    {
        Refresh(transaction);
        return NextDue != TimerRegistry.Never && Moment.OfTimer(NextDue) <= moment;
    }

    /// <summary>Takes the timers due at or before a moment, in the order of due time, key and name.</summary>
    public List<DueTimer> TakeDue(ITransaction transaction, long moment, int most)
    {
        var taken = new List<DueTimer>();
        using (var cursor = transaction.Range(_from.Start(ByDue).Number(_earliest), [ByDue + 1]))
        {
            while (taken.Count < most && cursor.MoveNext())
            {
                var due = KeyBuffer.ReadNumber(cursor.Key[1..]);
                if (Moment.OfTimer(due) > moment)
                {
                    break;
                }
                var value = cursor.Value;
                var keyLength = BinaryPrimitives.ReadInt32LittleEndian(value);
                taken.Add(new(due, value.Slice(4, keyLength).ToArray(), value[(4 + keyLength)..].ToArray()));
            }
        }
        for (var i = 0; i < taken.Count; i++)
        {
            var timer = taken[i];
            transaction.TryGet(NameKey(timer.Key, timer.Name), out var armed);
            taken[i] = timer with { Payload = armed[8..].ToArray() };
            transaction.Delete(_name);
            DeleteDue(transaction, timer.Key, timer.Name, timer.Due);
            Armed--;
        }
        return taken;
    }

    /// <summary>Lists the timers of one partition's committed state, the first due first.</summary>
    public static IEnumerable<DueTimer> List(IStateReader state)
    {
        using var cursor = state.Range([ByDue], [ByDue + 1]);
        while (cursor.MoveNext())
        {
            var value = cursor.Value;
            var keyLength = BinaryPrimitives.ReadInt32LittleEndian(value);
            var timer = new DueTimer(
                KeyBuffer.ReadNumber(cursor.Key[1..]),
                value.Slice(4, keyLength).ToArray(),
                value[(4 + keyLength)..].ToArray()
            );
            if (state.TryGet(new KeyBuffer().Start(ByName).Text(timer.Key).Raw(timer.Name), out var armed))
            {
                timer = timer with { Payload = armed[8..].ToArray() };
            }
            yield return timer;
        }
    }

    private KeyBuffer NameKey(ReadOnlySpan<byte> key, ReadOnlySpan<byte> name) => _name.Start(ByName).Text(key).Raw(name);

    private KeyBuffer DueKey(ReadOnlySpan<byte> key, ReadOnlySpan<byte> name, long due) =>
        _due.Start(ByDue).Number(due).Text(key).Raw(name);

    private void PutDue(ITransaction transaction, ReadOnlySpan<byte> key, ReadOnlySpan<byte> name, long due)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_value.Clear().GetSpan(4), key.Length);
        _value.Advance(4);
        transaction.Put(DueKey(key, name, due), _value.Raw(key).Raw(name));
        NextDue = Math.Min(NextDue, due);
        _earliest = Math.Min(_earliest, due);
    }

    private void DeleteDue(ITransaction transaction, ReadOnlySpan<byte> key, ReadOnlySpan<byte> name, long due)
    {
        transaction.Delete(DueKey(key, name, due));
        _stale |= due == NextDue;
    }

    private List<(byte[] Name, long Due)> Named(ITransaction transaction, ReadOnlySpan<byte> key)
    {
        var named = new List<(byte[], long)>();
        var prefix = _name.Start(ByName).Text(key).Length;
        using var cursor = transaction.Range(_name, _end.Start(ByName).Text(key).Raw([0xFF]));
        while (cursor.MoveNext())
        {
            named.Add((cursor.Key[prefix..].ToArray(), BinaryPrimitives.ReadInt64LittleEndian(cursor.Value)));
        }
        return named;
    }

    private void Refresh(IStateReader state)
    {
        if (_stale)
        {
            FindNext(state);
        }
    }

    private void FindNext(IStateReader state)
    {
        using var cursor = state.Range(_from.Start(ByDue).Number(_earliest), [ByDue + 1]);
        NextDue = TimerRegistry.Never;
        if (cursor.MoveNext())
        {
            NextDue = _earliest = KeyBuffer.ReadNumber(cursor.Key[1..]);
        }
        _stale = false;
    }
}

/// <summary>A timer.</summary>
/// <param name="Due">When it is due, in microseconds.</param>
/// <param name="Key">The reaction's key.</param>
/// <param name="Name">Its name.</param>
internal sealed record DueTimer(long Due, byte[] Key, byte[] Name)
{
    /// <summary>What to do then.</summary>
    public byte[] Payload { get; init; } = [];
}
