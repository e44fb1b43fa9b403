using System.Text;
using Millrace.MySql.Rows;
using Millrace.Sources;

namespace Millrace.MySql.Snapshot;

/// <summary>
/// The order in which a table's rows are read, and bounds in it. Bounds are SQL literals that the server itself made of key values, so that
/// neither a charset nor a collation nor a session's settings come between.
/// </summary>
internal sealed class KeyRange
{
    readonly (string Expression, string Literal)[] _columns;

    public KeyRange(TableSchema schema, IReadOnlyList<string> declaredKey)
    {
        var key =
            schema.PrimaryKey.Count > 0
                ? schema.PrimaryKey.Select(i => schema.Columns[i])
                : declaredKey.Select(name => Column(schema, name));
        _columns = [.. key.Select(Of)];
    }

    public string OrderBy => string.Join(", ", _columns.Select(c => c.Expression));

    /// <summary>Selects each key column as the text of a literal.</summary>
    public string SelectLiterals => string.Join(", ", _columns.Select(c => c.Literal));

    public int Width => _columns.Length;

    /// <summary>A condition on the rows after one bound (not with it) and up to another (with it).</summary>
    public string Between(IReadOnlyList<string>? after, IReadOnlyList<string>? upTo)
    {
        var condition = new StringBuilder("1");
        if (after is not null)
            condition.Append(" AND ").Append(Compare(after, ">", strict: true));
        if (upTo is not null)
            condition.Append(" AND ").Append(Compare(upTo, "<", strict: false));
        return condition.ToString();
    }

    /// <summary>(a > 1) or (a = 1 and b > 2), with the bound of the first column once more in front, from which the server makes a range of its index.</summary>
    string Compare(IReadOnlyList<string> bound, string sign, bool strict)
    {
        var text = new StringBuilder();
        if (_columns.Length > 1)
            text.Append('(').Append(_columns[0].Expression).Append(sign).Append("= ").Append(bound[0]).Append(") AND ");
        text.Append('(');
        for (var last = 0; last < _columns.Length; last++)
        {
            text.Append(last > 0 ? " OR (" : "(");
            for (var i = 0; i < last; i++)
                text.Append(_columns[i].Expression).Append(" = ").Append(bound[i]).Append(" AND ");
            var equal = !strict && last == _columns.Length - 1 ? "= " : " ";
            text.Append(_columns[last].Expression).Append(' ').Append(sign).Append(equal).Append(bound[last]).Append(')');
        }
        return text.Append(')').ToString();
    }

    static ColumnSchema Column(TableSchema schema, string name) =>
        schema.Columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new SourceException($"The table {schema.FullName} has no column {name}, which the application declares as its key.");

    static (string Expression, string Literal) Of(ColumnSchema column)
    {
        var name = Quote(column.Name);
        return column.DataType switch
        {
            "tinyint" or "smallint" or "mediumint" or "int" or "bigint" or "decimal" or "year" => (name, $"CAST({name} AS CHAR)"),
            // They are ordered by their number and compared by their text.
            "enum" or "set" => ($"({name} + 0)", $"CAST({name} + 0 AS CHAR)"),
            "bit" => ($"({name} + 0)", $"CAST({name} + 0 AS CHAR)"),
            "float" or "double" => (name, $"CAST({name} * 1e0 AS CHAR)"),
            "binary" or "varbinary" or "tinyblob" or "blob" or "mediumblob" or "longblob" => (name, $"CONCAT('x''', HEX({name}), '''')"),
            "char" or "varchar" or "tinytext" or "text" or "mediumtext" or "longtext" => (
                name,
                $"CONCAT('_{column.Charset ?? "binary"} x''', HEX({name}), '''')"
            ),
            _ => (name, $"CONCAT('''', CAST({name} AS CHAR), '''')"),
        };
    }

    /// <summary>A name in backticks.</summary>
    public static string Quote(string name) => $"`{name.Replace("`", "``", StringComparison.Ordinal)}`";
}
