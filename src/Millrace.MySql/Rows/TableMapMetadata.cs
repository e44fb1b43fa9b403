using System.Text;

namespace Millrace.MySql.Rows;

/// <summary>
/// The optional metadata at the end of TABLE_MAP, spread over the columns. MySQL from 8.0.1 (MINIMAL: signs and charsets; FULL: names, members
/// and keys as well), MariaDB from 10.5 (nothing unless <c>binlog_row_metadata</c> is set).
/// </summary>
internal sealed class TableMapMetadata
{
    bool[]? _unsigned;
    int[]? _collations;

    public string[]? Names { get; private set; }

    /// <summary>Raw members of each ENUM and SET column, in the column's charset.</summary>
    public byte[][]?[]? Members { get; private set; }

    /// <summary>Ordinals of the primary key in key order; empty where FULL metadata says nothing of one.</summary>
    public int[]? PrimaryKey { get; private set; }

    public bool? Unsigned(int column) => _unsigned?[column];

    /// <summary>The collation id of a character, ENUM or SET column; null where not given.</summary>
    public int? Collation(int column) => _collations?[column] is { } id and > 0 ? id : null;

    public static TableMapMetadata Parse(ReadOnlySpan<byte> fields, MappedColumn[] columns, bool mariaDb)
    {
        var result = new TableMapMetadata();
        Func<ColumnTypeCode, bool> isCharacter = mariaDb ? type => IsCharacter(type) || type == ColumnTypeCode.Geometry : IsCharacter;
        var reader = new WireReader(fields);
        while (reader.Remaining > 0)
        {
            var type = reader.Byte();
            var value = new WireReader(reader.LengthEncodedBytes());
            switch (type)
            {
                case 1:
                    result.ReadSigns(ref value, columns);
                    break;
                case 2 or 10:
                    result.ReadDefaultCollation(ref value, columns, type == 2 ? isCharacter : IsEnumOrSet);
                    break;
                case 3 or 11:
                    result.ReadCollations(ref value, columns, type == 3 ? isCharacter : IsEnumOrSet);
                    break;
                case 4:
                    result.Names = new string[columns.Length];
                    for (var i = 0; i < columns.Length; i++)
                        result.Names[i] = Encoding.UTF8.GetString(value.LengthEncodedBytes());
                    break;
                case 5:
                    result.ReadMembers(ref value, columns, ColumnTypeCode.Set);
                    break;
                case 6:
                    result.ReadMembers(ref value, columns, ColumnTypeCode.Enum);
                    break;
                case 8 or 9:
                    var key = new List<int>();
                    while (value.Remaining > 0)
                    {
                        key.Add(value.Length());
                        if (type == 9)
                            value.Length(); // the prefix's length: the value itself is whole in the row
                    }
                    result.PrimaryKey = [.. key];
                    break;
                default: // geometry types, visibility, vectors: nothing a row needs
                    break;
            }
        }
        return result;
    }

    void ReadSigns(ref WireReader value, MappedColumn[] columns)
    {
        _unsigned = new bool[columns.Length];
        var bits = value.Take(value.Remaining);
        var bit = 0;
        for (var i = 0; i < columns.Length; i++)
            if (IsNumeric(columns[i].Type))
            {
                _unsigned[i] = (bits[bit >> 3] & 0x80 >> (bit & 7)) != 0;
                bit++;
            }
    }

    void ReadDefaultCollation(ref WireReader value, MappedColumn[] columns, Func<ColumnTypeCode, bool> counts)
    {
        _collations ??= new int[columns.Length];
        var common = value.Length();
        var exceptions = new Dictionary<int, int>();
        while (value.Remaining > 0)
            exceptions[value.Length()] = value.Length();
        var ordinal = 0;
        for (var i = 0; i < columns.Length; i++)
            if (counts(columns[i].Type))
                _collations[i] = exceptions.GetValueOrDefault(ordinal++, common);
    }

    void ReadCollations(ref WireReader value, MappedColumn[] columns, Func<ColumnTypeCode, bool> counts)
    {
        _collations ??= new int[columns.Length];
        for (var i = 0; i < columns.Length; i++)
            if (counts(columns[i].Type))
                _collations[i] = value.Length();
    }

    void ReadMembers(ref WireReader value, MappedColumn[] columns, ColumnTypeCode type)
    {
        Members ??= new byte[columns.Length][][];
        for (var i = 0; i < columns.Length; i++)
            if (columns[i].Type == type)
            {
                var members = new byte[value.Length()][];
                for (var m = 0; m < members.Length; m++)
                    members[m] = value.LengthEncodedBytes().ToArray();
                Members[i] = members;
            }
    }

    // Which columns have a place in the lists is not written anywhere: seen on MySQL 9.7 and MariaDB 10.11. YEAR has a sign, BIT has none;
    // GEOMETRY has a collation on MariaDB alone, VECTOR has one, JSON has none.
    static bool IsNumeric(ColumnTypeCode type) =>
        type
            is ColumnTypeCode.Tiny
                or ColumnTypeCode.Year
                or ColumnTypeCode.Short
                or ColumnTypeCode.Int24
                or ColumnTypeCode.Long
                or ColumnTypeCode.LongLong
                or ColumnTypeCode.Decimal
                or ColumnTypeCode.Float
                or ColumnTypeCode.Double;

    static bool IsCharacter(ColumnTypeCode type) =>
        type
            is ColumnTypeCode.String
                or ColumnTypeCode.VarString
                or ColumnTypeCode.VarChar
                or ColumnTypeCode.Blob
                or ColumnTypeCode.TinyBlob
                or ColumnTypeCode.MediumBlob
                or ColumnTypeCode.LongBlob
                or ColumnTypeCode.Vector
                or ColumnTypeCode.BlobCompressed
                or ColumnTypeCode.VarCharCompressed;

    static bool IsEnumOrSet(ColumnTypeCode type) => type is ColumnTypeCode.Enum or ColumnTypeCode.Set;
}
