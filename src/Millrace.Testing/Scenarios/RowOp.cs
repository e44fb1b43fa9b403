using System.Text.Encodings.Web;
using System.Text.Json;

namespace Millrace.Testing;

/// <summary>Something the monolith does to a row. Made with <see cref="Row"/>.</summary>
public sealed class RowOp
{
    internal RowOp(RowOpKind kind, RowDefinition table, byte[] row)
    {
        Kind = kind;
        Table = table;
        Row = row;
    }

    internal RowOpKind Kind { get; }
    internal RowDefinition Table { get; }
    internal byte[] Row { get; }

    /// <summary>The row whose key it has before, where an update changes the key.</summary>
    internal byte[]? From { get; init; }

    /// <summary>The columns that the row images have; null for all.</summary>
    internal IReadOnlyList<string>? Columns { get; init; }

    /// <inheritdoc />
    public override string ToString() => $"{Kind} {Table.Table} {RowJson.Key(Table, Row)}";

    /// <summary>The same, logged with these columns only, as <c>binlog_row_image</c> other than FULL does.</summary>
    internal RowOp Only(params string[] columns) => new(Kind, Table, Row) { From = From, Columns = columns };
}

internal enum RowOpKind
{
    Insert,
    Update,
    Delete,
    Replace,
}

/// <summary>What a person or the monolith does in SQL, with a row record. For <c>using static Millrace.Testing.Row</c>.</summary>
public static class Row
{
    /// <summary>INSERT.</summary>
    /// <typeparam name="T">The row record.</typeparam>
    /// <param name="row">The new row.</param>
    public static RowOp Insert<T>(T row)
        where T : class, IRow<T> => Op(RowOpKind.Insert, row);

    /// <summary>UPDATE of the row with the same key.</summary>
    /// <typeparam name="T">The row record.</typeparam>
    /// <param name="row">The row as it is afterwards.</param>
    public static RowOp Update<T>(T row)
        where T : class, IRow<T> => Op(RowOpKind.Update, row);

    /// <summary>UPDATE that changes the key.</summary>
    /// <typeparam name="T">The row record.</typeparam>
    /// <param name="from">A row with the key before; its other columns do not matter.</param>
    /// <param name="to">The row as it is afterwards.</param>
    public static RowOp Update<T>(T from, T to)
        where T : class, IRow<T> => new(RowOpKind.Update, T.Definition, RowJson.Of(to)) { From = RowJson.Of(from) };

    /// <summary>DELETE of the row with the same key.</summary>
    /// <typeparam name="T">The row record.</typeparam>
    /// <param name="row">A row with the key; its other columns do not matter.</param>
    public static RowOp Delete<T>(T row)
        where T : class, IRow<T> => Op(RowOpKind.Delete, row);

    /// <summary>REPLACE: the database deletes the row with this key, if there is one, and inserts the new one.</summary>
    /// <typeparam name="T">The row record.</typeparam>
    /// <param name="row">The new row.</param>
    public static RowOp Replace<T>(T row)
        where T : class, IRow<T> => Op(RowOpKind.Replace, row);

    private static RowOp Op<T>(RowOpKind kind, T row)
        where T : class, IRow<T>
    {
        ArgumentNullException.ThrowIfNull(row);
        return new RowOp(kind, T.Definition, RowJson.Of(row));
    }
}

internal static class RowJson
{
    private static readonly JsonWriterOptions Canonical = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Of<T>(T row)
        where T : class, IRow<T>
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Canonical))
        {
            T.Write(row, writer);
        }
        return stream.ToArray();
    }

    /// <summary>The key's values as JSON, with commas between.</summary>
    public static string Key(RowDefinition table, byte[] row) => Values(row, table.Key);

    public static string Values(byte[] row, IEnumerable<string> columns) =>
        string.Join(
            ',',
            columns.Select(column => System.Text.Encoding.UTF8.GetString(JsonMembers.Find(row, System.Text.Encoding.UTF8.GetBytes(column))))
        );
}
