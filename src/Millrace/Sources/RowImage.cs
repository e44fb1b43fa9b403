using System.Diagnostics.CodeAnalysis;

namespace Millrace.Sources;

/// <summary>Where a column's value stands in a row's JSON: the JSON value's bytes, a string with its quotes.</summary>
/// <param name="Start">The first byte; -1 when the image has no such column; -2 when it is left out of every row of the table.</param>
/// <param name="Length">How many bytes.</param>
[Experimental("MILL0001")]
public readonly record struct RowCell(int Start, int Length)
{
    /// <summary>Whether the image says nothing of a column that the table's rows have.</summary>
    public bool IsUnknown => Start == -1;
}

/// <summary>
/// One row as canonical JSON: an object with the columns in table order, no white space. The same row has the same bytes whether a
/// snapshot or the stream read it, so equality is a comparison of bytes.
/// </summary>
/// <param name="json">The object's bytes.</param>
/// <param name="cells">For each column of the bound table where its value stands in <paramref name="json"/>.</param>
[Experimental("MILL0001")]
public readonly ref struct RowImage(ReadOnlySpan<byte> json, ReadOnlySpan<RowCell> cells)
{
    /// <summary>The object's bytes.</summary>
    public ReadOnlySpan<byte> Json { get; } = json;

    /// <summary>For each column of the bound table where its value stands.</summary>
    public ReadOnlySpan<RowCell> Cells { get; } = cells;

    /// <summary>A column's JSON value; empty when the image lacks the column.</summary>
    /// <param name="ordinal">The column's place in the bound table, from 0.</param>
    public ReadOnlySpan<byte> Value(int ordinal) => Cells[ordinal] is { Start: >= 0 } cell ? Json.Slice(cell.Start, cell.Length) : default;
}
