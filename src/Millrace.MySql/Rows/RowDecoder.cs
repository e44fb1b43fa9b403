using System.Buffers.Binary;

namespace Millrace.MySql.Rows;

/// <summary>
/// Decodes the rows events of one table into canonical rows. Made once for a TABLE_MAP and used for all rows events with its table id; not for two
/// threads at once. Two buffers are kept for before and after images, so a row costs no allocation.
/// </summary>
public sealed partial class RowDecoder
{
    readonly ColumnPlan[] _columns;
    readonly string[] _names;
    readonly CanonicalWriter _before;
    readonly CanonicalWriter _after;
    readonly string _table;
    int _current;

    RowDecoder(TableMap map, ColumnPlan[] columns, TableSchema? schema)
    {
        Map = map;
        Schema = schema;
        _table = map.FullName;
        _columns = columns;
        _names = [.. columns.Select(column => column.Name)];
        _before = new(columns.Length);
        _after = new(columns.Length);
        PrimaryKey = map.Metadata.PrimaryKey ?? schema?.PrimaryKey ?? [];
    }

    /// <summary>The TABLE_MAP that the decoder was made from.</summary>
    public TableMap Map { get; }

    /// <summary>The schema that it was made with, if there was one.</summary>
    public TableSchema? Schema { get; }

    /// <summary>The columns' names in the table's order.</summary>
    public IReadOnlyList<string> ColumnNames => _names;

    /// <summary>Ordinals of the primary key's columns in the key's order; empty when there is none or it is not known.</summary>
    public IReadOnlyList<int> PrimaryKey { get; }

    /// <summary>Makes a decoder. Names, signs, charsets and members come from the TABLE_MAP where it has them, otherwise from the schema.</summary>
    /// <param name="map">The table's TABLE_MAP.</param>
    /// <param name="schema">
    /// What information_schema says; null when only the binlog is there, which takes <c>binlog_row_metadata=FULL</c>. Then MariaDB's UUID, INET4
    /// and INET6 cannot be told from BINARY and come as base64.
    /// </param>
    /// <param name="rules">Columns to leave out of the rows, whatever their type, and to mask.</param>
    /// <exception cref="SchemaMismatchException">Schema and TABLE_MAP are not of the same table, or too little is known: look again.</exception>
    /// <exception cref="UnsupportedColumnException">A column that is not excluded has a type or charset without a canonical form.</exception>
    public static RowDecoder Bind(TableMap map, TableSchema? schema, ColumnRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (schema is null && map.ColumnNames is null)
            throw new SchemaMismatchException(
                map.FullName,
                null,
                $"The columns of {map.FullName} have no names in the binlog, and no schema is known. Read it from the server, or set binlog_row_metadata=FULL."
            );
        if (schema is not null && schema.Columns.Count != map.ColumnCount)
            throw new SchemaMismatchException(
                map.FullName,
                null,
                $"{map.FullName} has {map.ColumnCount} columns in the binlog and {schema.Columns.Count} in information_schema. Read the schema again."
            );
        var binder = new ColumnBinder(map, schema);
        var columns = new ColumnPlan[map.ColumnCount];
        for (var i = 0; i < columns.Length; i++)
            columns[i] = binder.Bind(i, rules);
        return new(map, columns, schema);
    }

    /// <summary>Reads the rows of one rows event. What it returns lives in this decoder's buffers until the next row is read.</summary>
    /// <param name="eventType">The event's type code: 23 to 25, 30 to 32, or 166 to 168 with the body already decompressed.</param>
    /// <param name="body">The event without its header and checksum.</param>
    /// <exception cref="UnsupportedRowsException">A kind of rows event that is not decoded.</exception>
    /// <exception cref="SchemaMismatchException">The event has another count of columns than the TABLE_MAP.</exception>
    /// <exception cref="MalformedRowsException">The bytes are no rows event of this table.</exception>
    public RowsReader Read(byte eventType, ReadOnlySpan<byte> body) => new(this, eventType, body);

    internal string TableName => _table;

    internal bool ReadImage(ref WireReader reader, ReadOnlySpan<byte> present, int presentCount, bool after, bool unchangedFromBefore)
    {
        var writer = after ? _after : _before;
        writer.BeginRow();
        _current = -1;
        try
        {
            var nulls = reader.Take((presentCount + 7) / 8);
            var bit = 0;
            for (var i = 0; i < _columns.Length; i++)
            {
                _current = i;
                var column = _columns[i];
                if ((present[i >> 3] & 1 << (i & 7)) == 0)
                {
                    if (column.Kind >= ColumnKind.SkipFixed)
                        writer.Exclude(i);
                    else if (unchangedFromBefore && _before.Row.Value(i) is { IsEmpty: false } same)
                    {
                        writer.BeginCell(column.QuotedName);
                        writer.WriteRaw(same);
                        writer.EndCell(i);
                    }
                    else
                        writer.Absent(i);
                    continue;
                }
                var isNull = (nulls[bit >> 3] & 1 << (bit & 7)) != 0;
                bit++;
                if (column.Kind >= ColumnKind.SkipFixed)
                {
                    if (!isNull)
                        reader.Take(column.Kind == ColumnKind.SkipFixed ? column.Size : (int)WireReader.Unsigned(reader.Take(column.Size)));
                    writer.Exclude(i);
                    continue;
                }
                writer.BeginCell(column.QuotedName);
                if (isNull)
                    writer.WriteNull();
                else
                {
                    ReadValue(ref reader, column, writer);
                    if (column.Mask is { } mask)
                        writer.Mask(mask);
                }
                writer.EndCell(i);
            }
            writer.EndRow();
            return true;
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            var column = _current >= 0 ? _names[_current] : null;
            throw new MalformedRowsException(
                _table,
                column,
                $"A row of {_table} does not decode at {(column is null ? "its start" : $"column `{column}`")}: {e.Message}",
                e
            );
        }
    }

    internal DecodedRow Row(bool after) => after ? _after.Row : _before.Row;

    void ReadValue(ref WireReader reader, ColumnPlan column, CanonicalWriter writer)
    {
        switch (column.Kind)
        {
            case ColumnKind.Int8:
                writer.WriteInteger((long)(sbyte)reader.Byte());
                break;
            case ColumnKind.UInt8:
                writer.WriteInteger((long)reader.Byte());
                break;
            case ColumnKind.Int16:
                writer.WriteInteger((long)BinaryPrimitives.ReadInt16LittleEndian(reader.Take(2)));
                break;
            case ColumnKind.UInt16:
                writer.WriteInteger((long)BinaryPrimitives.ReadUInt16LittleEndian(reader.Take(2)));
                break;
            case ColumnKind.Int24:
                writer.WriteInteger((long)((int)WireReader.Unsigned(reader.Take(3)) << 8 >> 8));
                break;
            case ColumnKind.UInt24:
                writer.WriteInteger((long)WireReader.Unsigned(reader.Take(3)));
                break;
            case ColumnKind.Int32:
                writer.WriteInteger((long)BinaryPrimitives.ReadInt32LittleEndian(reader.Take(4)));
                break;
            case ColumnKind.UInt32:
                writer.WriteInteger((long)BinaryPrimitives.ReadUInt32LittleEndian(reader.Take(4)));
                break;
            case ColumnKind.Int64:
                writer.WriteInteger(BinaryPrimitives.ReadInt64LittleEndian(reader.Take(8)));
                break;
            case ColumnKind.UInt64:
                writer.WriteInteger(BinaryPrimitives.ReadUInt64LittleEndian(reader.Take(8)));
                break;
            case ColumnKind.Float:
                writer.WriteFloat(BinaryPrimitives.ReadSingleLittleEndian(reader.Take(4)));
                break;
            case ColumnKind.Double:
                writer.WriteDouble(BinaryPrimitives.ReadDoubleLittleEndian(reader.Take(8)));
                break;
            case ColumnKind.Decimal:
                Span<byte> text = stackalloc byte[DecimalBinary.MaxText];
                writer.WriteDecimal(text[..DecimalBinary.ToText(reader.Take(column.Size), column.Precision, column.Scale, text)]);
                break;
            case ColumnKind.Bit:
                writer.WriteInteger(WireReader.UnsignedBig(reader.Take(column.Size)));
                break;
            case ColumnKind.Text:
                writer.WriteText(column.Charset!, Counted(ref reader, column));
                break;
            case ColumnKind.Bytes:
                writer.WriteBytes(Counted(ref reader, column), column.PadTo);
                break;
            case ColumnKind.Json:
                JsonBinary.Write(writer, Counted(ref reader, column));
                break;
            case ColumnKind.Enum:
                var index = (int)WireReader.Unsigned(reader.Take(column.Size));
                writer.WriteRaw(index == 0 ? "\"\""u8 : Member(column, index - 1));
                break;
            case ColumnKind.Set:
                ReadSet(WireReader.Unsigned(reader.Take(column.Size)), column, writer);
                break;
            case ColumnKind.Uuid or ColumnKind.Inet4 or ColumnKind.Inet6:
                ReadAddress(Counted(ref reader, column), column, writer);
                break;
            default:
                ReadTime(ref reader, column, writer);
                break;
        }
    }

    static ReadOnlySpan<byte> Counted(ref WireReader reader, ColumnPlan column) =>
        reader.Take(checked((int)WireReader.Unsigned(reader.Take(column.Size))));

    void ReadSet(ulong bits, ColumnPlan column, CanonicalWriter writer)
    {
        writer.Append((byte)'"');
        for (var (i, first) = (0, true); bits != 0; i++, bits >>= 1)
            if ((bits & 1) != 0)
            {
                if (!first)
                    writer.Append((byte)',');
                first = false;
                writer.WriteRaw(Member(column, i));
            }
        writer.Append((byte)'"');
    }

    byte[] Member(ColumnPlan column, int index) =>
        index < column.Members.Length
            ? column.Members[index]
            : throw new SchemaMismatchException(
                _table,
                column.Name,
                $"Column `{column.Name}` of {_table} has member {index + 1}, and {column.Members.Length} are known. Read the schema again."
            );
}
