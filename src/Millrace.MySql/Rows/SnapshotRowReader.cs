using System.Buffers.Text;
using MySqlConnector;

namespace Millrace.MySql.Rows;

/// <summary>
/// Reads rows of a SELECT into the same canonical bytes as the binlog's rows. Every column is selected as the bytes of its text (strings as their own
/// charset's bytes), so neither the connection's charset nor MySqlConnector's options matter; only FLOAT and DOUBLE come as numbers, widened to a
/// DOUBLE without a fixed number of decimals, because MySQL loses digits when it casts one to a string.
/// </summary>
/// <remarks>Not for two threads at once; the row lives until the next is read.</remarks>
public sealed class SnapshotRowReader
{
    readonly TableSchema _schema;
    readonly (ColumnPlan Plan, int Ordinal)[] _columns;
    readonly CanonicalWriter _writer;

    /// <summary>Prepares the reading of a table.</summary>
    /// <param name="schema">The table.</param>
    /// <param name="rules">Columns to leave out and to mask.</param>
    /// <exception cref="UnsupportedColumnException">A column that is not excluded has no canonical form.</exception>
    public SnapshotRowReader(TableSchema schema, ColumnRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(schema);
        _schema = schema;
        _writer = new(schema.Columns.Count);
        var columns = new List<(ColumnPlan, int)>();
        var select = new List<string>();
        for (var i = 0; i < schema.Columns.Count; i++)
        {
            var column = schema.Columns[i];
            if (rules is not null && rules.Excludes(column.Name))
            {
                _writer.Exclude(i);
                continue;
            }
            var (plan, expression) = Plan(column);
            columns.Add((plan with { Mask = rules?.MaskOf(column.Name) }, i));
            select.Add(expression);
        }
        _columns = [.. columns];
        SelectList = select.Count == 0 ? "1" : string.Join(", ", select);
    }

    /// <summary>What stands between SELECT and FROM.</summary>
    public string SelectList { get; }

    /// <summary>How many columns <see cref="SelectList"/> gives.</summary>
    public int SelectedColumns => _columns.Length;

    /// <summary>
    /// Prepares a session for reading: UTC, so that TIMESTAMP has no gap or double hour, and an empty <c>sql_mode</c>, so that neither zero dates nor
    /// the padding of CHAR are in the way. The caller keeps the session for this.
    /// </summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="MySqlException">The server refuses or the connection breaks.</exception>
    public static async Task PrepareSessionAsync(MySqlConnection connection, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        await using var command = connection.CreateCommand();
        command.CommandText = "SET SESSION time_zone = '+00:00', SESSION sql_mode = ''";
        await command.ExecuteNonQueryAsync(stop).ConfigureAwait(false);
    }

    /// <summary>Writes the reader's current row in canonical form.</summary>
    /// <param name="reader">A reader on a row of <see cref="SelectList"/>.</param>
    /// <param name="firstOrdinal">Where in the reader's row the list begins.</param>
    /// <returns>The row; its cells are by the table's ordinals, columns left out are absent.</returns>
    /// <exception cref="MalformedRowsException">A value is not what its column can hold.</exception>
    public DecodedRow Read(MySqlDataReader reader, int firstOrdinal = 0)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _writer.BeginRow();
        for (var i = 0; i < _columns.Length; i++)
        {
            var (plan, ordinal) = _columns[i];
            _writer.BeginCell(plan.QuotedName);
            if (reader.IsDBNull(firstOrdinal + i))
                _writer.WriteNull();
            else
            {
                WriteValue(reader, firstOrdinal + i, plan);
                if (plan.Mask is { } mask)
                    _writer.Mask(mask);
            }
            _writer.EndCell(ordinal);
        }
        _writer.EndRow();
        return _writer.Row;
    }

    void WriteValue(MySqlDataReader reader, int ordinal, ColumnPlan plan)
    {
        if (plan.Kind is ColumnKind.Float or ColumnKind.Double)
        {
            var number = reader.GetDouble(ordinal);
            if (plan.Kind == ColumnKind.Float)
                _writer.WriteFloat((float)number);
            else
                _writer.WriteDouble(number);
            return;
        }
        var length = checked((int)reader.GetBytes(ordinal, 0, null, 0, 0));
        // The scratch of the writer serves conversions, so the text has a buffer of its own.
        if (_text.Length < length)
            _text = new byte[Math.Max(length, (int)Math.Min(Array.MaxLength, _text.Length * 2L))];
        reader.GetBytes(ordinal, 0, _text, 0, length);
        var text = _text.AsSpan(0, length);
        try
        {
            WriteValue(text, plan);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
        {
            throw new MalformedRowsException(
                _schema.FullName,
                plan.Name,
                $"A row of {_schema.FullName} does not decode at column `{plan.Name}`: {e.Message}",
                e
            );
        }
    }

    byte[] _text = new byte[256];

    void WriteValue(ReadOnlySpan<byte> text, ColumnPlan plan)
    {
        switch (plan.Kind)
        {
            case ColumnKind.Int64:
                _writer.WriteInteger(
                    Utf8Parser.TryParse(text, out long signed, out var used) && used == text.Length ? signed : throw NoNumber()
                );
                break;
            case ColumnKind.UInt64 or ColumnKind.Bit or ColumnKind.Year:
                _writer.WriteInteger(
                    Utf8Parser.TryParse(text, out ulong unsigned, out used) && used == text.Length ? unsigned : throw NoNumber()
                );
                break;
            case ColumnKind.Decimal:
                _writer.WriteDecimal(text);
                break;
            case ColumnKind.Date:
                _writer.WriteDate(Digits(text[..4]), Digits(text.Slice(5, 2)), Digits(text.Slice(8, 2)));
                break;
            case ColumnKind.DateTime or ColumnKind.Timestamp:
                _writer.WriteDateTime(
                    Digits(text[..4]),
                    Digits(text.Slice(5, 2)),
                    Digits(text.Slice(8, 2)),
                    Digits(text.Slice(11, 2)),
                    Digits(text.Slice(14, 2)),
                    Digits(text.Slice(17, 2)),
                    Micros(text[19..]),
                    plan.Scale,
                    utc: plan.Kind == ColumnKind.Timestamp
                );
                break;
            case ColumnKind.Time:
                var negative = text is [(byte)'-', ..];
                var clock = negative ? text[1..] : text;
                var hours = clock.IndexOf((byte)':');
                _writer.WriteTime(
                    negative,
                    Digits(clock[..hours]),
                    Digits(clock.Slice(hours + 1, 2)),
                    Digits(clock.Slice(hours + 4, 2)),
                    Micros(clock[(hours + 6)..]),
                    plan.Scale
                );
                break;
            case ColumnKind.Text:
                _writer.WriteText(plan.Charset!, text);
                break;
            case ColumnKind.Bytes:
                _writer.WriteBytes(text);
                break;
            case ColumnKind.Json:
                JsonText.Write(_writer, text);
                break;
            case ColumnKind.Uuid or ColumnKind.Inet4 or ColumnKind.Inet6:
                _writer.WriteUtf8(text);
                break;
            default:
                throw new InvalidOperationException($"No reader for {plan.Kind}.");
        }
    }

    (ColumnPlan Plan, string Expression) Plan(ColumnSchema column)
    {
        var name = $"`{column.Name.Replace("`", "``", StringComparison.Ordinal)}`";
        var asText = $"CAST({name} AS BINARY)";
        var digits = column.FractionDigits ?? 0;
        switch (column.DataType)
        {
            case "tinyint" or "smallint" or "mediumint" or "int" or "bigint":
                return (new(column.Name, column.Unsigned ? ColumnKind.UInt64 : ColumnKind.Int64), asText);
            case "decimal":
                return (new(column.Name, ColumnKind.Decimal), asText);
            case "float":
                return (new(column.Name, ColumnKind.Float), $"{name} * 1e0");
            case "double":
                return (new(column.Name, ColumnKind.Double), $"{name} * 1e0");
            case "bit":
                return (new(column.Name, ColumnKind.Bit), $"CAST(CAST({name} AS UNSIGNED) AS BINARY)");
            case "year" when column.ColumnType.StartsWith("year(2)", StringComparison.Ordinal):
                throw Unsupported(column, "two digits do not tell a century.");
            case "year":
                return (new(column.Name, ColumnKind.Year), asText);
            case "date":
                return (new(column.Name, ColumnKind.Date), asText);
            case "datetime":
                return (new(column.Name, ColumnKind.DateTime) { Scale = digits }, asText);
            case "timestamp":
                return (new(column.Name, ColumnKind.Timestamp) { Scale = digits }, asText);
            case "time":
                return (new(column.Name, ColumnKind.Time) { Scale = digits }, asText);
            case "char" or "varchar" or "tinytext" or "text" or "mediumtext" or "longtext" or "enum" or "set":
                return (new(column.Name, ColumnKind.Text) { Charset = Find(column) }, asText);
            case "binary" or "varbinary" or "tinyblob" or "blob" or "mediumblob" or "longblob":
                return (new(column.Name, ColumnKind.Bytes), name);
            case "json":
                return (new(column.Name, ColumnKind.Json), $"CAST(CONVERT({name} USING utf8mb4) AS BINARY)");
            case "uuid" or "inet4" or "inet6":
                var kind = column.DataType switch
                {
                    "uuid" => ColumnKind.Uuid,
                    "inet4" => ColumnKind.Inet4,
                    _ => ColumnKind.Inet6,
                };
                return (new(column.Name, kind), $"CAST(CAST({name} AS CHAR) AS BINARY)");
            default:
                throw Unsupported(column, "there is no canonical form of this type yet.");
        }
    }

    Charset Find(ColumnSchema column) =>
        Charset.Find(column.Charset ?? "binary")
        ?? throw new UnsupportedColumnException(
            _schema.FullName,
            column.Name,
            $"{column.DataType} CHARACTER SET {column.Charset}",
            $"the charset {column.Charset} does not map exactly."
        );

    UnsupportedColumnException Unsupported(ColumnSchema column, string reason) =>
        new(_schema.FullName, column.Name, column.ColumnType, reason);

    static int Digits(ReadOnlySpan<byte> text)
    {
        var value = 0;
        foreach (var digit in text)
            value = digit is >= (byte)'0' and <= (byte)'9' ? value * 10 + digit - '0' : throw NoNumber();
        return value;
    }

    static int Micros(ReadOnlySpan<byte> fraction)
    {
        if (fraction.IsEmpty)
            return 0;
        var value = Digits(fraction[1..]);
        for (var i = fraction.Length - 1; i < 6; i++)
            value *= 10;
        return value;
    }

    static FormatException NoNumber() => new("The server's text is not of the column's type.");
}
