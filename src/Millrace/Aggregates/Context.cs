namespace Millrace;

/// <summary>What a pure function may know beside its arguments. Valid only during the call.</summary>
public class Context
{
    private protected Context() { }

    internal Context(DateTimeOffset time, EntityId entity, bool snapshot)
    {
        Time = time;
        EntityId = entity;
        IsSnapshot = snapshot;
    }

    /// <summary>The record's time: when it happened, as well as anybody knows. Never the wall clock.</summary>
    public DateTimeOffset Time { get; internal set; }

    /// <summary>The entity.</summary>
    public EntityId EntityId { get; internal set; }

    /// <summary>Whether this comes from rows read by a snapshot: they are there, and nobody knows since when.</summary>
    public bool IsSnapshot { get; internal set; }
}

/// <summary>What a decision may read: the entity's rows as they stand after the whole source transaction.</summary>
/// <typeparam name="TRoot">The root's row record.</typeparam>
public abstract class Context<TRoot> : Context
    where TRoot : class
{
    private protected Context() { }

    /// <summary>The root row; where this transaction deleted it, as it was last.</summary>
    public abstract TRoot Root { get; }

    /// <summary>One child.</summary>
    /// <typeparam name="TChild">The child's row record.</typeparam>
    /// <param name="key">Its key.</param>
    /// <returns>The row, or null.</returns>
    /// <exception cref="InvalidOperationException">The aggregate does not map the child.</exception>
    public abstract TChild? Child<TChild>(EntityId key)
        where TChild : class, IRow<TChild>, IPartOf<TRoot>;

    /// <summary>The children of one kind, read as they are enumerated, in key order.</summary>
    /// <typeparam name="TChild">The child's row record.</typeparam>
    /// <exception cref="InvalidOperationException">The aggregate does not map the child.</exception>
    public abstract Children<TChild> Children<TChild>()
        where TChild : class, IRow<TChild>, IPartOf<TRoot>;

    /// <summary>A reference row.</summary>
    /// <typeparam name="TReference">The reference's row record.</typeparam>
    /// <param name="key">Its key.</param>
    /// <returns>The row as the log has it at this command, or null.</returns>
    /// <exception cref="InvalidOperationException">The aggregate does not declare the reference.</exception>
    public abstract TReference? Reference<TReference>(EntityId key)
        where TReference : class, IRow<TReference>;
}

/// <summary>An entity's children of one kind. The count costs nothing; enumerating reads.</summary>
/// <typeparam name="TChild">The child's row record.</typeparam>
/// <param name="count">How many.</param>
/// <param name="rows">The rows.</param>
public readonly struct Children<TChild>(int count, IEnumerable<TChild> rows) : IEnumerable<TChild>
    where TChild : class
{
    /// <summary>How many there are, without reading them.</summary>
    public int Count => count;

    /// <inheritdoc />
    public IEnumerator<TChild> GetEnumerator() => rows.GetEnumerator();

    System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
}
