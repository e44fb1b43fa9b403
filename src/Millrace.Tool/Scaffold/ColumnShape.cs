using Millrace.MySql.Rows;

namespace Millrace.Tool.Scaffold;

/// <summary>What a column is in C#.</summary>
/// <param name="Type">The type without a question mark.</param>
/// <param name="Sample">A value of it for a test, as code.</param>
/// <param name="Other">Another value.</param>
/// <param name="Bits">Of an integer: how many bits it takes, negative where it has a sign; 0 of anything else.</param>
internal sealed record ColumnShape(string Type, string Sample, string Other, int Bits = 0)
{
    /// <summary>The shape of a column; null where no canonical form, and so no property, is.</summary>
    public static ColumnShape? Of(ColumnSchema column) =>
        column.DataType switch
        {
            "tinyint" when column.ColumnType.StartsWith("tinyint(1)", StringComparison.Ordinal) && !column.Unsigned => new(
                "bool",
                "false",
                "true",
                1
            ),
            "tinyint" => Integer(column, 8, "sbyte", "byte"),
            "smallint" => Integer(column, 16, "short", "ushort"),
            "mediumint" => Integer(column, 24, "int", "int"),
            "int" => Integer(column, 32, "int", "uint"),
            "bigint" => Integer(column, 64, "long", "ulong"),
            "bit" when column.Precision == 1 => new("bool", "false", "true", 1),
            "bit" => new("ulong", "1", "2", column.Precision ?? 64),
            "year" => new("short", "2024", "2025", -16),
            // More digits than a decimal holds stay text, digit for digit.
            "decimal" => column.Precision <= 28 ? new("decimal", "1m", "2m") : new("string", "\"1\"", "\"2\""),
            "float" => new("float", "1.5f", "2.5f"),
            "double" => new("double", "1.5", "2.5"),
            "date" => new("DateOnly", "new DateOnly(2024, 1, 31)", "new DateOnly(2024, 2, 1)"),
            "datetime" => new("DateTime", "new DateTime(2024, 1, 31, 12, 0, 0)", "new DateTime(2024, 1, 31, 13, 0, 0)"),
            "timestamp" => new(
                "DateTimeOffset",
                "new DateTimeOffset(2024, 1, 31, 12, 0, 0, TimeSpan.Zero)",
                "new DateTimeOffset(2024, 1, 31, 13, 0, 0, TimeSpan.Zero)"
            ),
            "time" => new("TimeSpan", "TimeSpan.FromHours(1)", "TimeSpan.FromHours(2)"),
            "char" or "varchar" or "tinytext" or "text" or "mediumtext" or "longtext" or "inet4" or "inet6" or "set" => new(
                "string",
                "\"one\"",
                "\"other\""
            ),
            "enum" => new("string", Naming.Literal(column.Members![0]), Naming.Literal(column.Members[^1])),
            "binary" or "varbinary" or "tinyblob" or "blob" or "mediumblob" or "longblob" => new("byte[]", "[1]", "[2]"),
            "json" => new(
                "System.Text.Json.JsonElement",
                "System.Text.Json.JsonElement.Parse(\"{}\")",
                "System.Text.Json.JsonElement.Parse(\"[]\")"
            ),
            "uuid" => new(
                "Guid",
                "Guid.Parse(\"018e8a3c-0000-7000-8000-000000000001\")",
                "Guid.Parse(\"018e8a3c-0000-7000-8000-000000000002\")"
            ),
            _ => null,
        };

    /// <summary>Whether a property of another type reads the column just as well: a wider integer, an enum, text of anything.</summary>
    public bool Takes(string type)
    {
        type = type.Replace("System.", "", StringComparison.Ordinal).Replace("Text.Json.", "", StringComparison.Ordinal);
        if (type == Type.Replace("System.Text.Json.", "", StringComparison.Ordinal))
            return true;
        if (Bits != 0)
            return type switch
            {
                "sbyte" => Fits(7),
                "short" => Fits(15),
                "int" => Fits(31),
                "long" => Fits(63),
                "byte" => Bits > 0 && Bits <= 8,
                "ushort" => Bits > 0 && Bits <= 16,
                "uint" => Bits > 0 && Bits <= 32,
                "ulong" => Bits > 0,
                "bool" => true,
                "decimal" or "double" => true,
                _ => IsOwn(type),
            };
        return Type switch
        {
            "string" => type is "Guid" || IsOwn(type),
            "decimal" => type is "string" or "double",
            "float" => type is "double",
            "DateTime" or "DateTimeOffset" => type is "DateTime" or "DateTimeOffset" or "string",
            "DateOnly" or "TimeSpan" or "Guid" => type is "string" or "TimeOnly",
            _ => false,
        };
    }

    bool Fits(int digits) => Math.Abs(Bits) - (Bits < 0 ? 1 : 0) <= digits;

    // A name that is no keyword and no type of a column: an enum of the application.
    static bool IsOwn(string type) =>
        type
            is not (
                "string"
                or "bool"
                or "decimal"
                or "double"
                or "float"
                or "byte[]"
                or "Guid"
                or "DateTime"
                or "DateTimeOffset"
                or "DateOnly"
                or "TimeOnly"
                or "TimeSpan"
                or "JsonElement"
            )
        && !Microsoft.CodeAnalysis.CSharp.SyntaxFacts.IsPredefinedType(Microsoft.CodeAnalysis.CSharp.SyntaxFacts.GetKeywordKind(type));

    static ColumnShape Integer(ColumnSchema column, int bits, string signed, string unsigned) =>
        new(column.Unsigned ? unsigned : signed, "1", "2", column.Unsigned ? bits : -bits);
}
