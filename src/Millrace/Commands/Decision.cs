using System.Collections;
using System.Runtime.CompilerServices;

namespace Millrace;

/// <summary>A native command of the aggregate that publishes <typeparamref name="TEvent"/>.</summary>
/// <typeparam name="TEvent">The aggregate's event type.</typeparam>
public interface ICommand<TEvent>
    where TEvent : class;

/// <summary>
/// What became of a native command: events (<c>[e1, e2]</c>), accepted without news (<c>[]</c>), or <c>Decision.Reject("why")</c>.
/// </summary>
/// <typeparam name="TEvent">The aggregate's event type.</typeparam>
[CollectionBuilder(typeof(Decision), nameof(Decision.Accept))]
public readonly struct Decision<TEvent> : IEnumerable<TEvent>
{
    private readonly TEvent[]? _events;

    internal Decision(TEvent[]? events, string? reason)
    {
        _events = events;
        Rejected = reason;
    }

    /// <summary>Why it was rejected; null when it was accepted.</summary>
    public string? Rejected { get; }

    /// <inheritdoc />
    public IEnumerator<TEvent> GetEnumerator() => ((IEnumerable<TEvent>)(_events ?? [])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>A rejection is a decision of any aggregate.</summary>
    public static implicit operator Decision<TEvent>(Rejection rejection) => new(null, rejection.Reason);
}

/// <summary>A reason not to do what was asked.</summary>
/// <param name="reason">In words for the one who asked.</param>
public readonly struct Rejection(string reason)
{
    /// <summary>In words for the one who asked.</summary>
    public string Reason => reason;
}

/// <summary>Makes decisions.</summary>
public static class Decision
{
    /// <summary>Accepts, with the events that follow.</summary>
    public static Decision<TEvent> Accept<TEvent>(ReadOnlySpan<TEvent> events) => new(events.ToArray(), null);

    /// <summary>Rejects.</summary>
    /// <param name="reason">In words for the one who asked.</param>
    public static Rejection Reject(string reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        return new Rejection(reason);
    }
}
