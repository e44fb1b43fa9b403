namespace Millrace.Generators;

/// <summary>What is generated for one row record; nothing of the compiler's, so that it can be compared.</summary>
/// <param name="Namespace">Empty for the global one.</param>
/// <param name="Containers">The headers of the types it is nested in, outermost first (<c>partial class Rows</c>).</param>
/// <param name="Name">The record's name as C# writes it.</param>
/// <param name="FullName">With <c>global::</c>.</param>
/// <param name="Table">The table.</param>
/// <param name="Columns">In the record's order.</param>
/// <param name="Positional">How many of the first columns are constructor parameters.</param>
/// <param name="Parent">The parent's full name, or null.</param>
internal sealed record RowModel(
    string Namespace,
    Sequence<string> Containers,
    string Name,
    string FullName,
    string Table,
    Sequence<ColumnModel> Columns,
    int Positional,
    string? Parent
);

/// <summary>One column.</summary>
/// <param name="Name">The column.</param>
/// <param name="Property">The property's name.</param>
/// <param name="Type">The property's type with <c>global::</c>, without the question mark.</param>
/// <param name="Display">The property's type as C# writes it.</param>
/// <param name="Kind">How it is read and written.</param>
/// <param name="Nullable">Whether it may be null.</param>
/// <param name="IsValueType">Whether a nullable one is a <c>Nullable&lt;T&gt;</c>.</param>
internal sealed record ColumnModel(
    string Name,
    string Property,
    string Type,
    string Display,
    ColumnKind Kind,
    bool Nullable,
    bool IsValueType
)
{
    public bool Key { get; init; }
    public bool Parent { get; init; }
    public string? Reference { get; init; }
    public bool OccurredAt { get; init; }
}

internal enum ColumnKind
{
    SByte,
    Byte,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Boolean,
    Decimal,
    Double,
    Single,
    Text,
    Bytes,
    Guid,
    Json,
    DateTime,
    DateTimeOffset,
    DateOnly,
    TimeOnly,
    TimeSpan,
    Enum,
}
