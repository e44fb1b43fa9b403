using System.Text.Json;

namespace Millrace;

/// <summary>A row record. Written by the generator for a partial record with <see cref="RowAttribute"/>.</summary>
/// <typeparam name="TSelf">The record itself.</typeparam>
public interface IRow<TSelf>
    where TSelf : class, IRow<TSelf>
{
    /// <summary>Its table, columns, key and parent.</summary>
    static abstract RowDefinition Definition { get; }

    /// <summary>Makes the record of a row's canonical JSON.</summary>
    /// <param name="json">The row, UTF-8.</param>
    /// <exception cref="RowException">A column is missing or has a value the property cannot hold.</exception>
    static abstract TSelf Parse(ReadOnlySpan<byte> json);

    /// <summary>Writes the record as a row's canonical JSON.</summary>
    /// <param name="row">The record.</param>
    /// <param name="writer">Where to.</param>
    static abstract void Write(TSelf row, Utf8JsonWriter writer);
}

/// <summary>Says that a row belongs to the entity whose root is <typeparamref name="TRoot"/>.</summary>
/// <typeparam name="TRoot">The root's row record.</typeparam>
public interface IPartOf<TRoot>;

/// <summary>What the generator read off a row record.</summary>
public sealed class RowDefinition
{
    /// <summary>The table's name.</summary>
    public required string Table { get; init; }

    /// <summary>The record's name in code, for messages.</summary>
    public required string Record { get; init; }

    /// <summary>Its columns, in the order of the record's properties.</summary>
    public required IReadOnlyList<RowColumn> Columns { get; init; }

    /// <summary>The names of the key columns, in order.</summary>
    public required IReadOnlyList<string> Key { get; init; }

    /// <summary>Whose child it is; null for a root or a reference.</summary>
    public RowParent? Parent { get; init; }

    /// <summary>Its foreign keys to reference rows.</summary>
    public IReadOnlyList<RowReference> References { get; init; } = [];

    /// <summary>The column with the business time, or null.</summary>
    public string? OccurredAt { get; init; }

    /// <inheritdoc />
    public override string ToString() => Table;
}

/// <summary>A mapped column.</summary>
/// <param name="Name">The column.</param>
/// <param name="Property">The record's property.</param>
/// <param name="Type">The property's type as C# writes it.</param>
/// <param name="Nullable">Whether the property may be null.</param>
public sealed record RowColumn(string Name, string Property, string Type, bool Nullable);

/// <summary>A child's foreign key at its parent.</summary>
/// <param name="Definition">The parent.</param>
/// <param name="Columns">The foreign key's columns, in the order of the parent's key.</param>
public sealed record RowParent(RowDefinition Definition, IReadOnlyList<string> Columns);

/// <summary>A foreign key at a reference row.</summary>
/// <param name="Table">The referenced table.</param>
/// <param name="Column">The foreign key's column.</param>
/// <param name="Required">Whether an entity waits for it.</param>
public sealed record RowReference(string Table, string Column, bool Required);

/// <summary>A row cannot be made into its record; the message names table, column, value's kind and property.</summary>
public sealed class RowException : Exception
{
    /// <summary>With a message.</summary>
    public RowException(string message)
        : base(message) { }

    /// <summary>With a message and a cause.</summary>
    public RowException(string message, Exception? cause)
        : base(message, cause) { }

    /// <summary>Without a message.</summary>
    public RowException() { }
}
