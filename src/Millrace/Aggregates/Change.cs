namespace Millrace;

/// <summary>What happened to a row, seen from the entity it belongs to.</summary>
public enum ChangeKind
{
    /// <summary>The row is new (or shown for the first time by a snapshot).</summary>
    Inserted,

    /// <summary>The row has other values.</summary>
    Updated,

    /// <summary>The row is gone.</summary>
    Deleted,

    /// <summary>The row came from another entity.</summary>
    Joined,

    /// <summary>The row went to another entity.</summary>
    Left,
}

/// <summary>
/// A row change as a fact. <see cref="Before"/> is the row as this entity last saw it (the mirror), whatever the source gave.
/// </summary>
/// <typeparam name="TRow">The row record.</typeparam>
/// <param name="before">The row before, or null.</param>
/// <param name="after">The row after, or null.</param>
/// <param name="kind">What happened.</param>
public sealed class Change<TRow>(TRow? before, TRow? after, ChangeKind kind)
    where TRow : class
{
    /// <summary>The row before; null when it is new to this entity.</summary>
    public TRow? Before => before;

    /// <summary>The row after; null when it is no more in this entity.</summary>
    public TRow? After => after;

    /// <summary>What happened.</summary>
    public ChangeKind Kind => kind;

    /// <summary>For patterns: <c>change is (null, { } row)</c>.</summary>
    public void Deconstruct(out TRow? was, out TRow? now)
    {
        was = before;
        now = after;
    }
}
