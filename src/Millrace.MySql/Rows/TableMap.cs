namespace Millrace.MySql.Rows;

/// <summary>One column as TABLE_MAP describes it.</summary>
/// <param name="Type">The real type: ENUM and SET, which hide behind STRING, are named.</param>
/// <param name="Metadata">
/// What the type needs, normalized: octets at most of a string (CHAR, VARCHAR), length bytes of a blob or JSON, pack length of an ENUM or SET,
/// <c>precision &lt;&lt; 8 | scale</c> of a DECIMAL, number of bits of a BIT, fraction digits of a temporal type; otherwise 0.
/// </param>
/// <param name="Nullable">Whether the column takes NULL.</param>
internal readonly record struct MappedColumn(ColumnTypeCode Type, int Metadata, bool Nullable);

/// <summary>A parsed TABLE_MAP event: the shape of the rows events that follow it with the same table id.</summary>
/// <remarks>Layout: MySQL's <c>libs/mysql/binlog/event/rows_event.h</c>, class Table_map_event.</remarks>
public sealed class TableMap
{
    TableMap(ulong id, string database, string table, MappedColumn[] columns, TableMapMetadata metadata)
    {
        Id = id;
        Database = database;
        Table = table;
        Columns = columns;
        Metadata = metadata;
    }

    /// <summary>The table id that rows events refer to. It is the server's, and changes when the table is opened again.</summary>
    public ulong Id { get; }

    /// <summary>The database.</summary>
    public string Database { get; }

    /// <summary>The table.</summary>
    public string Table { get; }

    /// <summary>How many columns the table has.</summary>
    public int ColumnCount => Columns.Length;

    /// <summary>The names of the columns, or null where the event does not say (<c>binlog_row_metadata</c> other than FULL).</summary>
    public IReadOnlyList<string>? ColumnNames => Metadata.Names;

    internal MappedColumn[] Columns { get; }

    internal TableMapMetadata Metadata { get; }

    internal string FullName => $"{Database}.{Table}";

    /// <summary>Reads the table id only, which is all that a known table needs.</summary>
    /// <param name="body">The event without its header and checksum.</param>
    public static ulong IdOf(ReadOnlySpan<byte> body) => new WireReader(body).UInt48();

    /// <summary>Parses the body of a TABLE_MAP event.</summary>
    /// <param name="body">The event without its header and checksum.</param>
    /// <param name="mariaDb">Whether a MariaDB server wrote it, as its FORMAT_DESCRIPTION says: the two servers list charsets differently.</param>
    /// <exception cref="MalformedRowsException">The bytes are no TABLE_MAP.</exception>
    public static TableMap Parse(ReadOnlySpan<byte> body, bool mariaDb)
    {
        var (database, table) = ("?", "?");
        try
        {
            var reader = new WireReader(body);
            var id = reader.UInt48();
            reader.UInt16(); // flags: nothing a reader of rows needs
            database = reader.Name();
            table = reader.Name();
            var types = reader.Take(reader.Length());
            var metadata = new WireReader(reader.LengthEncodedBytes());
            var nullable = reader.Take((types.Length + 7) / 8);
            var columns = new MappedColumn[types.Length];
            for (var i = 0; i < types.Length; i++)
                columns[i] = Column((ColumnTypeCode)types[i], ref metadata, (nullable[i >> 3] & 1 << (i & 7)) != 0);
            return new TableMap(id, database, table, columns, TableMapMetadata.Parse(reader.Take(reader.Remaining), columns, mariaDb));
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException)
        {
            throw new MalformedRowsException($"{database}.{table}", null, $"TABLE_MAP of {database}.{table} ends early or is not one.", e);
        }
    }

    static MappedColumn Column(ColumnTypeCode type, ref WireReader metadata, bool nullable)
    {
        switch (type)
        {
            case ColumnTypeCode.String:
                int first = metadata.Byte(),
                    second = metadata.Byte();
                // Lengths above 255 steal two bits of the type byte, inverted.
                if ((first & 0x30) != 0x30)
                    return new(ColumnTypeCode.String, second | ((first & 0x30) ^ 0x30) << 4, nullable);
                return new((ColumnTypeCode)first, second, nullable);
            case ColumnTypeCode.VarChar or ColumnTypeCode.VarString or ColumnTypeCode.VarCharCompressed:
                return new(type, metadata.UInt16(), nullable);
            case ColumnTypeCode.Decimal:
                int precision = metadata.Byte();
                return new(type, precision << 8 | metadata.Byte(), nullable);
            case ColumnTypeCode.Bit:
                int bits = metadata.Byte();
                return new(type, metadata.Byte() * 8 + bits, nullable);
            case ColumnTypeCode.Enum or ColumnTypeCode.Set:
                metadata.Byte();
                return new(type, metadata.Byte(), nullable);
            case ColumnTypeCode.Float
            or ColumnTypeCode.Double
            or ColumnTypeCode.Blob
            or ColumnTypeCode.TinyBlob
            or ColumnTypeCode.MediumBlob
            or ColumnTypeCode.LongBlob
            or ColumnTypeCode.BlobCompressed
            or ColumnTypeCode.Geometry
            or ColumnTypeCode.Json
            or ColumnTypeCode.Vector
            or ColumnTypeCode.Timestamp2
            or ColumnTypeCode.DateTime2
            or ColumnTypeCode.Time2:
                return new(type, metadata.Byte(), nullable);
            default:
                return new(type, 0, nullable);
        }
    }
}
