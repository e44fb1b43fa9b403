using Microsoft.CodeAnalysis;

namespace Millrace.Generators;

/// <summary>Which types a column can be read into.</summary>
internal static class ColumnTypes
{
    public static ITypeSymbol WithoutNull(ITypeSymbol type) =>
        type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable
            ? nullable.TypeArguments[0]
            : type;

    public static ColumnKind? KindOf(ITypeSymbol type)
    {
        type = WithoutNull(type);
        if (type is IArrayTypeSymbol { Rank: 1, ElementType.SpecialType: SpecialType.System_Byte })
        {
            return ColumnKind.Bytes;
        }
        return type.TypeKind == TypeKind.Enum
            ? ColumnKind.Enum
            : type.SpecialType switch
            {
                SpecialType.System_SByte => ColumnKind.SByte,
                SpecialType.System_Byte => ColumnKind.Byte,
                SpecialType.System_Int16 => ColumnKind.Int16,
                SpecialType.System_UInt16 => ColumnKind.UInt16,
                SpecialType.System_Int32 => ColumnKind.Int32,
                SpecialType.System_UInt32 => ColumnKind.UInt32,
                SpecialType.System_Int64 => ColumnKind.Int64,
                SpecialType.System_UInt64 => ColumnKind.UInt64,
                SpecialType.System_Boolean => ColumnKind.Boolean,
                SpecialType.System_Decimal => ColumnKind.Decimal,
                SpecialType.System_Double => ColumnKind.Double,
                SpecialType.System_Single => ColumnKind.Single,
                SpecialType.System_String => ColumnKind.Text,
                SpecialType.System_DateTime => ColumnKind.DateTime,
                _ => type.ToDisplayString() switch
                {
                    "System.DateTimeOffset" => ColumnKind.DateTimeOffset,
                    "System.DateOnly" => ColumnKind.DateOnly,
                    "System.TimeOnly" => ColumnKind.TimeOnly,
                    "System.TimeSpan" => ColumnKind.TimeSpan,
                    "System.Guid" => ColumnKind.Guid,
                    "System.Text.Json.JsonElement" => ColumnKind.Json,
                    _ => null,
                },
            };
    }
}
