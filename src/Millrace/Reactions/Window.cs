using Millrace.Engines;

namespace Millrace;

/// <summary>
/// The count of one key in a window. One object is loaded with key after key. Planning reads and writes nothing; <see cref="Before"/> and
/// <see cref="After"/> are the count without and with the event.
/// </summary>
internal abstract class Window
{
    public int Before { get; protected set; }
    public int After { get; protected set; }

    public static Window Of(WindowKind kind, long span) =>
        kind switch
        {
            WindowKind.Sliding => new SlidingWindow(span),
            WindowKind.Tumbling => new TumblingWindow(span),
            _ => new SessionWindow(span),
        };

    public abstract void Reset();

    public abstract void Read(ReadOnlySpan<byte> bytes);

    public abstract void Write(KeyBuffer destination);

    /// <summary>Plans to count an event. One too late for the key's window leaves the count as it is.</summary>
    /// <param name="transaction">The state.</param>
    /// <param name="key">The reaction's key.</param>
    /// <param name="time">When it happened.</param>
    /// <param name="id">The event.</param>
    /// <param name="keepAll">Whether events still come in no order (from a snapshot), so that what looks closed must be kept.</param>
    public abstract void PlanAdd(ITransaction transaction, ReadOnlySpan<byte> key, long time, ReadOnlySpan<byte> id, bool keepAll);

    /// <summary>Plans to look at the count as of a time; 0 where the window has closed.</summary>
    public abstract void PlanReview(ITransaction transaction, ReadOnlySpan<byte> key, long time);

    /// <summary>Does what was planned.</summary>
    public virtual void Apply(ITransaction transaction, ReadOnlySpan<byte> key) { }

    protected void Count(int before, int after)
    {
        Before = before;
        After = after;
    }

    protected static long Next(ref ReadOnlySpan<byte> bytes)
    {
        var number = KeyBuffer.ReadNumber(bytes);
        bytes = bytes[8..];
        return number;
    }
}

/// <summary>Events in (t - span, t]. Each counted event is a key of its own, so that a long window costs no more than a short one.</summary>
internal sealed class SlidingWindow(long span) : Window
{
    private readonly KeyBuffer _from = new();
    private readonly KeyBuffer _to = new();
    private readonly List<byte[]> _expired = [];
    private byte[]? _added;
    private long _count;
    private long _oldest;
    private long _newest;

    public override void Reset()
    {
        _count = 0;
        _oldest = long.MaxValue;
        _newest = long.MinValue;
    }

    public override void Read(ReadOnlySpan<byte> bytes)
    {
        _count = Next(ref bytes);
        _oldest = Next(ref bytes);
        _newest = Next(ref bytes);
    }

    public override void Write(KeyBuffer destination) => destination.Number(_count).Number(_oldest).Number(_newest);

    public override void PlanAdd(ITransaction transaction, ReadOnlySpan<byte> key, long time, ReadOnlySpan<byte> id, bool keepAll)
    {
        PlanReview(transaction, key, Math.Max(_newest, time));
        if (time > _newest - span)
        {
            _added = _from.Start(ReactionKeys.Counted).Text(key).Number(time).Raw(id).Span.ToArray();
            _count++;
            _oldest = Math.Min(_oldest, time);
            After++;
        }
    }

    public override void PlanReview(ITransaction transaction, ReadOnlySpan<byte> key, long time)
    {
        _expired.Clear();
        _added = null;
        _newest = Math.Max(_newest, time);
        if (_count > 0 && _oldest <= _newest - span)
        {
            Expire(transaction, key, _newest - span);
        }
        Count((int)_count, (int)_count);
    }

    public override void Apply(ITransaction transaction, ReadOnlySpan<byte> key)
    {
        foreach (var one in _expired)
        {
            transaction.Delete(one);
        }
        if (_added is not null)
        {
            transaction.Put(_added, default);
        }
    }

    private void Expire(ITransaction transaction, ReadOnlySpan<byte> key, long upTo)
    {
        var timeAt = _from.Start(ReactionKeys.Counted).Text(key).Length;
        // From the oldest on, so that what was deleted before is not walked over again.
        _from.Number(_oldest);
        _oldest = long.MaxValue;
        using var cursor = transaction.Range(_from, _to.Start(ReactionKeys.Counted).Text(key).Raw([0xFF]));
        while (cursor.MoveNext())
        {
            var time = KeyBuffer.ReadNumber(cursor.Key[timeAt..]);
            if (time > upTo)
            {
                _oldest = time;
                return;
            }
            _expired.Add(cursor.Key.ToArray());
            _count--;
        }
    }
}

/// <summary>Events in [n·span, (n + 1)·span).</summary>
internal sealed class TumblingWindow(long span) : Window
{
    private long _window;
    private long _count;

    public override void Reset()
    {
        _window = long.MinValue;
        _count = 0;
    }

    public override void Read(ReadOnlySpan<byte> bytes)
    {
        _window = Next(ref bytes);
        _count = Next(ref bytes);
    }

    public override void Write(KeyBuffer destination) => destination.Number(_window).Number(_count);

    public override void PlanAdd(ITransaction transaction, ReadOnlySpan<byte> key, long time, ReadOnlySpan<byte> id, bool keepAll)
    {
        var window = Math.DivRem(time, span, out var rest) - (rest < 0 ? 1 : 0);
        if (window > _window)
        {
            _window = window;
            _count = 0;
        }
        var before = (int)_count;
        _count += window == _window ? 1 : 0;
        Count(before, (int)_count);
    }

    public override void PlanReview(ITransaction transaction, ReadOnlySpan<byte> key, long time)
    {
        var isOpen = _count > 0 && (_window + 1) * span > time;
        Count(isOpen ? (int)_count : 0, isOpen ? (int)_count : 0);
    }
}

/// <summary>
/// Events with no gap longer than a span between them. A few sessions before the newest are kept, since a late event may join them to it.
/// </summary>
internal sealed class SessionWindow(long gap) : Window
{
    private const int Kept = 4;

    private readonly List<(long First, long Last, long Count)> _sessions = [];

    public override void Reset() => _sessions.Clear();

    public override void Read(ReadOnlySpan<byte> bytes)
    {
        _sessions.Clear();
        while (!bytes.IsEmpty)
        {
            _sessions.Add((Next(ref bytes), Next(ref bytes), Next(ref bytes)));
        }
    }

    public override void Write(KeyBuffer destination)
    {
        foreach (var (first, last, count) in _sessions)
        {
            destination.Number(first).Number(last).Number(count);
        }
    }

    public override void PlanAdd(ITransaction transaction, ReadOnlySpan<byte> key, long time, ReadOnlySpan<byte> id, bool keepAll)
    {
        var newest = _sessions.Count > 0 ? _sessions[^1] : (First: long.MinValue, Last: long.MinValue, Count: 0);
        var (first, last, count) = (time, time, 1L);
        // What the event touches is joined with it; at most one session before it and one after.
        for (var i = _sessions.Count - 1; i >= 0; i--)
        {
            var session = _sessions[i];
            if (session.First - gap <= time && time - gap <= session.Last)
            {
                (first, last, count) = (Math.Min(first, session.First), Math.Max(last, session.Last), count + session.Count);
                _sessions.RemoveAt(i);
            }
        }
        var place = _sessions.FindIndex(session => session.First > first);
        _sessions.Insert(place < 0 ? _sessions.Count : place, (first, last, count));
        if (!keepAll && _sessions.Count > Kept)
        {
            _sessions.RemoveRange(0, _sessions.Count - Kept);
        }
        var now = (int)_sessions[^1].Count;
        var continues = newest.Count > 0 && _sessions[^1].First <= newest.First && newest.First <= _sessions[^1].Last;
        Count(continues ? (int)newest.Count : 0, now);
    }

    public override void PlanReview(ITransaction transaction, ReadOnlySpan<byte> key, long time)
    {
        var count = _sessions.Count > 0 && time - gap <= _sessions[^1].Last ? (int)_sessions[^1].Count : 0;
        Count(count, count);
    }
}
