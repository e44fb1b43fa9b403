namespace Millrace.MySql.Rows;

/// <summary>What the row decoder and the schema reader throw. The message names the table, and the column where there is one.</summary>
public abstract class CapturedRowException : Exception
{
    /// <summary>Creates the exception.</summary>
    protected CapturedRowException(string table, string? column, string message, Exception? inner = null)
        : base(message, inner)
    {
        Table = table;
        Column = column;
    }

    /// <summary>The table as <c>database.table</c>.</summary>
    public string Table { get; }

    /// <summary>The column, or null when the whole table is meant.</summary>
    public string? Column { get; }
}

/// <summary>A column whose type, or whose charset, has no canonical form here. Nothing is guessed: change its type or move it to a table that is not captured.</summary>
public sealed class UnsupportedColumnException : CapturedRowException
{
    /// <summary>Creates the exception for one column.</summary>
    public UnsupportedColumnException(string table, string column, string type, string reason)
        : base(
            table,
            column,
            $"Column `{column}` of {table} has type {type}, which is not decoded: {reason} Change its type, or move it to a table that is not captured."
        ) => Type = type;

    /// <summary>The type as the server names it.</summary>
    public string Type { get; }
}

/// <summary>
/// The table in the binlog is not the table that information_schema showed (another count of columns, another type), or too little is known
/// of it. The caller looks again, and resynchronizes the table where it still does not fit.
/// </summary>
public sealed class SchemaMismatchException : CapturedRowException
{
    /// <summary>Creates the exception.</summary>
    public SchemaMismatchException(string table, string? column, string message)
        : base(table, column, message) { }
}

/// <summary>Bytes that are no rows event of their table, or a value that its column cannot hold.</summary>
public sealed class MalformedRowsException : CapturedRowException
{
    /// <summary>Creates the exception.</summary>
    public MalformedRowsException(string table, string? column, string message, Exception? inner = null)
        : base(table, column, message, inner) { }
}
