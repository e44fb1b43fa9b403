namespace Millrace.MySql.Rows;

/// <summary>How a value's bytes in a row are read.</summary>
internal enum ColumnKind : byte
{
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int24,
    UInt24,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float,
    Double,
    Decimal,
    Bit,
    Year,
    Date,
    DateTime,
    OldDateTime,
    Timestamp,
    OldTimestamp,
    Time,
    OldTime,
    Text,
    Bytes,
    Enum,
    Set,
    Json,
    Uuid,
    Inet4,
    Inet6,

    /// <summary>Left out of the row, of a fixed size.</summary>
    SkipFixed,

    /// <summary>Left out of the row, with its length in front.</summary>
    SkipCounted,
}

/// <summary>All that decoding one column needs.</summary>
internal sealed record ColumnPlan(string Name, ColumnKind Kind)
{
    /// <summary>The name as JSON with its colon.</summary>
    public byte[] QuotedName { get; } = CanonicalText.Quote(Name, ":"u8);

    /// <summary>Bytes of a fixed value, of the length in front of a counted one, or of an ENUM's or SET's number.</summary>
    public int Size { get; init; }

    /// <summary>BINARY(n): n, up to which stripped zeros come back.</summary>
    public int PadTo { get; init; }

    /// <summary>Of a DECIMAL.</summary>
    public int Precision { get; init; }

    /// <summary>Of a DECIMAL; digits of fraction of a temporal type.</summary>
    public int Scale { get; init; }

    public Charset? Charset { get; init; }

    /// <summary>ENUM: the members as JSON strings. SET: without quotes.</summary>
    public byte[][] Members { get; init; } = [];

    /// <summary>What stands for the column's values; null where they stand for themselves.</summary>
    public ColumnMask? Mask { get; init; }
}

/// <summary>Canonical strings made once, outside of rows.</summary>
internal static class CanonicalText
{
    public static byte[] Quote(string text, ReadOnlySpan<byte> suffix)
    {
        var writer = new CanonicalWriter(0);
        writer.WriteUtf8(System.Text.Encoding.UTF8.GetBytes(text));
        writer.WriteRaw(suffix);
        return writer.Row.Json.ToArray();
    }

    public static byte[] Escape(ReadOnlySpan<byte> utf8)
    {
        var writer = new CanonicalWriter(0);
        writer.WriteEscaped(utf8);
        return writer.Row.Json.ToArray();
    }

    public static byte[] Quote(ReadOnlySpan<byte> utf8)
    {
        var writer = new CanonicalWriter(0);
        writer.WriteUtf8(utf8);
        return writer.Row.Json.ToArray();
    }
}
