namespace Millrace.MySql.Rows;

/// <summary>Where a column's value stands in <see cref="DecodedRow.Json"/>, in bytes.</summary>
/// <param name="Start">Offset of the value's first byte; -1 when the row image does not have the column, -2 when it is left out of every row.</param>
/// <param name="Length">Length of the value, quotes included.</param>
public readonly record struct CellRange(int Start, int Length)
{
    /// <summary>A column that the row image does not have.</summary>
    public static readonly CellRange Absent = new(-1, 0);

    /// <summary>A column that is left out of every row, so that no image lacks it.</summary>
    public static readonly CellRange Excluded = new(-2, 0);

    /// <summary>Whether the row image has no such column.</summary>
    public bool IsAbsent => Start < 0;
}

/// <summary>One row in canonical form. It lives in a buffer that the next row overwrites.</summary>
public readonly ref struct DecodedRow
{
    internal DecodedRow(ReadOnlySpan<byte> json, ReadOnlySpan<CellRange> cells)
    {
        Json = json;
        Cells = cells;
    }

    /// <summary>The row as one JSON object in UTF-8, columns in the table's order, without white space.</summary>
    public ReadOnlySpan<byte> Json { get; }

    /// <summary>For each column of the table, by ordinal, where its value is.</summary>
    public ReadOnlySpan<CellRange> Cells { get; }

    /// <summary>The JSON value of a column; empty when the image does not have it.</summary>
    /// <param name="ordinal">The column's place in the table, from 0.</param>
    public ReadOnlySpan<byte> Value(int ordinal) =>
        Cells[ordinal] is { IsAbsent: false } cell ? Json.Slice(cell.Start, cell.Length) : default;
}
