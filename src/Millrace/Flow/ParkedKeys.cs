using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Keys whose user code threw: the event that could not be handled, and everything that came for the key since, kept in the state in order.
/// Other keys go on. Nothing is retried by itself, since pure code throws again; an operator retries (after a fix) or skips.
/// </summary>
internal sealed class ParkedKeys
{
    private const byte InfoKind = 0x70;
    private const byte QueueKind = 0x71;

    private readonly KeyBuffer _key = new();
    private readonly KeyBuffer _end = new();
    private readonly KeyBuffer _value = new();

    /// <summary>How many keys are parked.</summary>
    public int Count { get; private set; }

    public void Load(IStateReader state)
    {
        Count = 0;
        using var cursor = state.Range([InfoKind], [InfoKind + 1]);
        while (cursor.MoveNext())
        {
            Count++;
        }
    }

    public bool Holds(ITransaction transaction, ReadOnlySpan<byte> key) =>
        Count > 0 && transaction.TryGet(_key.Start(InfoKind).Raw(key), out _);

    /// <summary>Parks a key at the event it could not handle.</summary>
    public void Park(ITransaction transaction, in Incoming item, Exception why)
    {
        var id = Encoding.UTF8.GetString(new EventHeaders(item.Headers.Span).Id);
        var info = new ParkedKey(id, $"{why.GetType().Name}: {why.Message}", 1, 1);
        Keep(transaction, item, 0);
        Save(transaction, item.Key.Span, info);
        Count++;
    }

    /// <summary>Keeps an event of a parked key behind the others.</summary>
    public void Add(ITransaction transaction, in Incoming item)
    {
        transaction.TryGet(_key.Start(InfoKind).Raw(item.Key.Span), out var bytes);
        var info = JsonSerializer.Deserialize(bytes, MillraceJson.Default.ParkedKey)!;
        Keep(transaction, item, info.Next);
        Save(transaction, item.Key.Span, info with { Waiting = info.Waiting + 1, Next = info.Next + 1 });
    }

    /// <summary>Takes a key out as an operator wants: what was kept for it in order, without the first where that is skipped.</summary>
    /// <returns>False where the key is not parked, or stands elsewhere than the operator saw.</returns>
    public bool TryTake(ITransaction transaction, ReadOnlySpan<byte> key, in Deed deed, out List<Incoming> items)
    {
        items = [];
        if (Count == 0 || !transaction.TryGet(_key.Start(InfoKind).Raw(key), out var bytes))
        {
            return false;
        }
        var info = JsonSerializer.Deserialize(bytes, MillraceJson.Default.ParkedKey)!;
        if (deed.Record.At is { } at && at != info.EventId)
        {
            return false;
        }
        transaction.Delete(_key.Start(InfoKind).Raw(key));
        Count--;
        var keys = new List<byte[]>();
        using (var cursor = transaction.Range(_key.Start(QueueKind).Text(key), _end.Start(QueueKind).Text(key).Raw([0xFF])))
        {
            while (cursor.MoveNext())
            {
                keys.Add(cursor.Key.ToArray());
                items.Add(Incoming.Read(cursor.Value.ToArray()));
            }
        }
        foreach (var one in keys)
        {
            transaction.Delete(one);
        }
        if (deed.Skips)
        {
            items.RemoveAt(0);
        }
        return true;
    }

    /// <summary>Forgets a key, with everything kept for it.</summary>
    public void Forget(ITransaction transaction, ReadOnlySpan<byte> key) =>
        TryTake(transaction, key, new Deed(new OperatorRecord("erased"), Skips: false), out _);

    /// <summary>Lists what is parked in one partition's committed state.</summary>
    public static IEnumerable<HeldEntityInfo> List(IStateReader state, string owner)
    {
        using var cursor = state.Range([InfoKind], [InfoKind + 1]);
        while (cursor.MoveNext())
        {
            var info = JsonSerializer.Deserialize(cursor.Value, MillraceJson.Default.ParkedKey)!;
            yield return new(owner, Encoding.UTF8.GetString(cursor.Key[1..]), true, info.Reason, info.EventId, info.Waiting - 1);
        }
    }

    // The order in the queue is a number of eight bytes below 2^63, so its first byte is never 0xFF.
    private void Keep(ITransaction transaction, in Incoming item, long order)
    {
        item.Write(_value.Clear());
        transaction.Put(_key.Start(QueueKind).Text(item.Key.Span).Number(order), _value);
    }

    private void Save(ITransaction transaction, ReadOnlySpan<byte> key, ParkedKey info) =>
        transaction.Put(_key.Start(InfoKind).Raw(key), JsonSerializer.SerializeToUtf8Bytes(info, MillraceJson.Default.ParkedKey));
}

/// <summary>Why a key of a view, reaction or router is parked.</summary>
/// <param name="EventId">The event it stands at.</param>
/// <param name="Reason">What its code threw.</param>
/// <param name="Next">The order of the next event kept.</param>
/// <param name="Waiting">How many events are kept, the first included.</param>
internal sealed record ParkedKey(string EventId, string Reason, long Next, int Waiting);
