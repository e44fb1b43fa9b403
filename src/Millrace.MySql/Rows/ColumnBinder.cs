using System.Text;

namespace Millrace.MySql.Rows;

/// <summary>Makes the plan of a column from what TABLE_MAP says and, where that is not enough, from information_schema; where both speak they must agree.</summary>
internal sealed class ColumnBinder(TableMap map, TableSchema? schema)
{
    public ColumnPlan Bind(int ordinal, ColumnRules? rules)
    {
        var plan = Plan(ordinal, rules);
        return rules?.MaskOf(plan.Name) is { } mask ? plan with { Mask = mask } : plan;
    }

    ColumnPlan Plan(int ordinal, ColumnRules? rules)
    {
        var mapped = map.Columns[ordinal];
        var column = schema?.Columns[ordinal];
        var name = map.Metadata.Names?[ordinal] ?? column!.Name;
        if (column is not null && column.Name != name)
            throw Mismatch(name, $"the binlog names it `{name}`, information_schema `{column.Name}`");
        if (rules is not null && rules.Excludes(name))
            return Skip(name, mapped);
        if (column is not null)
            CheckShape(name, ordinal, mapped, column);

        ColumnPlan Plan(ColumnKind kind, int size = 0) => new(name, kind) { Size = size };

        switch (mapped.Type)
        {
            case ColumnTypeCode.Tiny:
                return Plan(IsUnsigned(name, ordinal, column) ? ColumnKind.UInt8 : ColumnKind.Int8);
            case ColumnTypeCode.Short:
                return Plan(IsUnsigned(name, ordinal, column) ? ColumnKind.UInt16 : ColumnKind.Int16);
            case ColumnTypeCode.Int24:
                return Plan(IsUnsigned(name, ordinal, column) ? ColumnKind.UInt24 : ColumnKind.Int24);
            case ColumnTypeCode.Long:
                return Plan(IsUnsigned(name, ordinal, column) ? ColumnKind.UInt32 : ColumnKind.Int32);
            case ColumnTypeCode.LongLong:
                return Plan(IsUnsigned(name, ordinal, column) ? ColumnKind.UInt64 : ColumnKind.Int64);
            case ColumnTypeCode.Float:
                return Plan(ColumnKind.Float);
            case ColumnTypeCode.Double:
                return Plan(ColumnKind.Double);
            case ColumnTypeCode.Decimal:
                var (precision, scale) = (mapped.Metadata >> 8, mapped.Metadata & 0xFF);
                return Plan(ColumnKind.Decimal, DecimalBinary.Size(precision, scale)) with { Precision = precision, Scale = scale };
            case ColumnTypeCode.Bit:
                return Plan(ColumnKind.Bit, (mapped.Metadata + 7) / 8);
            case ColumnTypeCode.Year:
                return Plan(ColumnKind.Year);
            case ColumnTypeCode.Date or ColumnTypeCode.NewDate:
                return Plan(ColumnKind.Date);
            case ColumnTypeCode.DateTime2:
                return Plan(ColumnKind.DateTime) with { Scale = mapped.Metadata };
            case ColumnTypeCode.Timestamp2:
                return Plan(ColumnKind.Timestamp) with { Scale = mapped.Metadata };
            case ColumnTypeCode.Time2:
                return Plan(ColumnKind.Time) with { Scale = mapped.Metadata };
            case ColumnTypeCode.DateTime or ColumnTypeCode.Timestamp or ColumnTypeCode.Time when column?.FractionDigits is > 0:
                throw Unsupported(
                    name,
                    column.ColumnType,
                    "it is stored in MariaDB's old format with a fraction (mysql56_temporal_format=OFF)."
                );
            case ColumnTypeCode.DateTime:
                return Plan(ColumnKind.OldDateTime);
            case ColumnTypeCode.Timestamp:
                return Plan(ColumnKind.OldTimestamp);
            case ColumnTypeCode.Time:
                return Plan(ColumnKind.OldTime);
            case ColumnTypeCode.Json:
                return Plan(ColumnKind.Json, mapped.Metadata);
            case ColumnTypeCode.Enum or ColumnTypeCode.Set:
                return Plan(mapped.Type == ColumnTypeCode.Enum ? ColumnKind.Enum : ColumnKind.Set, mapped.Metadata) with
                {
                    Members = Members(name, ordinal, column, quoted: mapped.Type == ColumnTypeCode.Enum),
                };
            case ColumnTypeCode.String
            or ColumnTypeCode.VarChar
            or ColumnTypeCode.VarString
            or ColumnTypeCode.Blob
            or ColumnTypeCode.TinyBlob
            or ColumnTypeCode.MediumBlob
            or ColumnTypeCode.LongBlob:
                return BindString(name, ordinal, mapped, column);
            default:
                throw Unsupported(name, column?.ColumnType ?? mapped.Type.ToString(), "there is no canonical form of this type yet.");
        }
    }

    ColumnPlan BindString(string name, int ordinal, MappedColumn mapped, ColumnSchema? column)
    {
        var size = CountSize(mapped);
        switch (column?.DataType)
        {
            case "uuid":
                return new(name, ColumnKind.Uuid) { Size = size, PadTo = 16 };
            case "inet4":
                return new(name, ColumnKind.Inet4) { Size = size, PadTo = 4 };
            case "inet6":
                return new(name, ColumnKind.Inet6) { Size = size, PadTo = 16 };
        }
        var charset = CharsetName(name, ordinal, column);
        if (charset != "binary")
            return new(name, ColumnKind.Text) { Size = size, Charset = Find(name, charset, column?.DataType ?? mapped.Type.ToString()) };
        var isFixed = mapped.Type == ColumnTypeCode.String;
        return new(name, ColumnKind.Bytes) { Size = size, PadTo = isFixed ? mapped.Metadata : 0 };
    }

    static int CountSize(MappedColumn mapped) =>
        mapped.Type switch
        {
            ColumnTypeCode.String or ColumnTypeCode.VarChar or ColumnTypeCode.VarString or ColumnTypeCode.VarCharCompressed =>
                mapped.Metadata > 255 ? 2 : 1,
            _ => mapped.Metadata, // blobs and their like say it
        };

    byte[][] Members(string name, int ordinal, ColumnSchema? column, bool quoted)
    {
        IEnumerable<byte[]> members;
        if (map.Metadata.Members?[ordinal] is { } raw)
        {
            var charset = Find(name, CharsetName(name, ordinal, column), quoted ? "enum" : "set");
            members = raw.Select(member => charset.ToUtf8(member));
        }
        else
            members = column?.Members?.Select(Encoding.UTF8.GetBytes) ?? throw Unknown(name, "the members");
        return [.. members.Select(member => quoted ? CanonicalText.Quote(member) : CanonicalText.Escape(member))];
    }

    bool IsUnsigned(string name, int ordinal, ColumnSchema? column)
    {
        var (mapped, known) = (map.Metadata.Unsigned(ordinal), column?.Unsigned);
        if (mapped is not null && known is not null && mapped != known)
            throw Mismatch(name, mapped.Value ? "the binlog says UNSIGNED" : "the binlog says signed");
        return mapped ?? known ?? throw Unknown(name, "the sign");
    }

    string CharsetName(string name, int ordinal, ColumnSchema? column)
    {
        string? mapped = null;
        if (map.Metadata.Collation(ordinal) is { } collation)
            mapped =
                Collations.CharsetOf(collation)
                ?? throw Unsupported(
                    name,
                    column?.ColumnType ?? "a string",
                    $"its collation {collation} is not of MySQL 9.7 or MariaDB 10.11."
                );
        var known = column is null ? null : column.Charset ?? "binary";
        if (known == "utf8")
            known = "utf8mb3";
        if (mapped is not null && known is not null && mapped != known)
            throw Mismatch(name, $"the binlog says charset {mapped}, information_schema {known}");
        return mapped ?? known ?? throw Unknown(name, "the charset");
    }

    Charset Find(string name, string charset, string type) =>
        Charset.Find(charset) ?? throw Unsupported(name, $"{type} CHARACTER SET {charset}", $"the charset {charset} does not map exactly.");

    void CheckShape(string name, int ordinal, MappedColumn mapped, ColumnSchema column)
    {
        var octets = column.MaxOctets;
        var fits = (column.DataType, mapped.Type) switch
        {
            ("tinyint", ColumnTypeCode.Tiny) => true,
            ("smallint", ColumnTypeCode.Short) => true,
            ("mediumint", ColumnTypeCode.Int24) => true,
            ("int", ColumnTypeCode.Long) => true,
            ("bigint", ColumnTypeCode.LongLong) => true,
            ("float", ColumnTypeCode.Float) => true,
            ("double", ColumnTypeCode.Double) => true,
            ("decimal", ColumnTypeCode.Decimal) => mapped.Metadata == ((column.Precision ?? 0) << 8 | (column.Scale ?? 0)),
            ("bit", ColumnTypeCode.Bit) => mapped.Metadata == column.Precision,
            ("year", ColumnTypeCode.Year) => true,
            ("date", ColumnTypeCode.Date or ColumnTypeCode.NewDate) => true,
            ("datetime", ColumnTypeCode.DateTime2) or ("timestamp", ColumnTypeCode.Timestamp2) or ("time", ColumnTypeCode.Time2) =>
                mapped.Metadata == (column.FractionDigits ?? 0),
            ("datetime", ColumnTypeCode.DateTime) or ("timestamp", ColumnTypeCode.Timestamp) or ("time", ColumnTypeCode.Time) => true,
            ("char" or "binary", ColumnTypeCode.String) => octets is null || mapped.Metadata == octets,
            ("varchar" or "varbinary", ColumnTypeCode.VarChar or ColumnTypeCode.VarString) => octets is null || mapped.Metadata == octets,
            ("varchar" or "varbinary", ColumnTypeCode.VarCharCompressed) => true,
            ("tinytext" or "tinyblob", ColumnTypeCode.Blob) => mapped.Metadata == 1,
            ("text" or "blob", ColumnTypeCode.Blob) => mapped.Metadata == 2,
            ("mediumtext" or "mediumblob", ColumnTypeCode.Blob) => mapped.Metadata == 3,
            ("longtext" or "longblob", ColumnTypeCode.Blob) => mapped.Metadata == 4,
            ({ } blob, ColumnTypeCode.BlobCompressed) => blob.EndsWith("blob", StringComparison.Ordinal)
                || blob.EndsWith("text", StringComparison.Ordinal),
            ("enum", ColumnTypeCode.Enum) or ("set", ColumnTypeCode.Set) => map.Metadata.Members?[ordinal] is not { } members
                || members.Length == column.Members?.Count,
            ("json", ColumnTypeCode.Json) => true,
            ("uuid" or "inet6", ColumnTypeCode.String) => mapped.Metadata == 16,
            ("inet4", ColumnTypeCode.String) => mapped.Metadata == 4,
            (_, ColumnTypeCode.Geometry or ColumnTypeCode.Vector or ColumnTypeCode.TypedArray) => true,
            ("vector", ColumnTypeCode.VarChar) => throw Unsupported(
                name,
                column.ColumnType,
                "there is no canonical form of this type yet."
            ),
            _ => false,
        };
        if (!fits)
            throw Mismatch(name, $"the binlog has type {mapped.Type} ({mapped.Metadata}), information_schema {column.ColumnType}");
    }

    ColumnPlan Skip(string name, MappedColumn mapped)
    {
        var size = mapped.Type switch
        {
            ColumnTypeCode.Tiny or ColumnTypeCode.Year => 1,
            ColumnTypeCode.Short => 2,
            ColumnTypeCode.Int24 or ColumnTypeCode.Date or ColumnTypeCode.NewDate or ColumnTypeCode.Time => 3,
            ColumnTypeCode.Long or ColumnTypeCode.Float or ColumnTypeCode.Timestamp => 4,
            ColumnTypeCode.LongLong or ColumnTypeCode.Double or ColumnTypeCode.DateTime => 8,
            ColumnTypeCode.Decimal => DecimalBinary.Size(mapped.Metadata >> 8, mapped.Metadata & 0xFF),
            ColumnTypeCode.Bit => (mapped.Metadata + 7) / 8,
            ColumnTypeCode.Enum or ColumnTypeCode.Set => mapped.Metadata,
            ColumnTypeCode.DateTime2 => 5 + (mapped.Metadata + 1) / 2,
            ColumnTypeCode.Timestamp2 => 4 + (mapped.Metadata + 1) / 2,
            ColumnTypeCode.Time2 => 3 + (mapped.Metadata + 1) / 2,
            ColumnTypeCode.Null => 0,
            ColumnTypeCode.OldDecimal or ColumnTypeCode.TypedArray => throw Unsupported(
                name,
                mapped.Type.ToString(),
                "its size is unknown."
            ),
            _ => -1,
        };
        return size >= 0 ? new(name, ColumnKind.SkipFixed) { Size = size } : new(name, ColumnKind.SkipCounted) { Size = CountSize(mapped) };
    }

    UnsupportedColumnException Unsupported(string column, string type, string reason) => new(map.FullName, column, type, reason);

    SchemaMismatchException Mismatch(string column, string how) =>
        new(
            map.FullName,
            column,
            $"Column `{column}` of {map.FullName} is not as information_schema showed it: {how}. Read the schema again."
        );

    SchemaMismatchException Unknown(string column, string what) =>
        new(
            map.FullName,
            column,
            $"{what} of column `{column}` of {map.FullName} is not in the binlog. Read the schema from the server, or set binlog_row_metadata=FULL."
        );
}
