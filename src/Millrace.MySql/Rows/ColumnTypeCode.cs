namespace Millrace.MySql.Rows;

/// <summary>The column type codes of TABLE_MAP (MySQL's <c>enum_field_types</c>, MariaDB's two compressed types among them).</summary>
public enum ColumnTypeCode : byte
{
#pragma warning disable CS1591 // The names are the server's own.
    OldDecimal = 0,
    Tiny = 1,
    Short = 2,
    Long = 3,
    Float = 4,
    Double = 5,
    Null = 6,
    Timestamp = 7,
    LongLong = 8,
    Int24 = 9,
    Date = 10,
    Time = 11,
    DateTime = 12,
    Year = 13,
    NewDate = 14,
    VarChar = 15,
    Bit = 16,
    Timestamp2 = 17,
    DateTime2 = 18,
    Time2 = 19,
    TypedArray = 20,
    BlobCompressed = 140,
    VarCharCompressed = 141,
    Vector = 242,
    Json = 245,
    Decimal = 246,
    Enum = 247,
    Set = 248,
    TinyBlob = 249,
    MediumBlob = 250,
    LongBlob = 251,
    Blob = 252,
    VarString = 253,
    String = 254,
    Geometry = 255,
#pragma warning restore CS1591
}
