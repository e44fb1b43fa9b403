using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Millrace.Generators;

/// <summary>Which calls format, parse or compare by the machine's culture.</summary>
internal static class CultureRules
{
    private static readonly string[] TextMethods =
    [
        "ToUpper",
        "ToLower",
        "Compare",
        "CompareTo",
        "StartsWith",
        "EndsWith",
        "IndexOf",
        "LastIndexOf",
    ];

    public static bool DependsOnCulture(IMethodSymbol method)
    {
        var type = method.ContainingType;
        var provided = method.Parameters.Any(p =>
            p.Type.Name is "IFormatProvider" or "CultureInfo" or "StringComparison" or "CompareOptions"
        );
        if (provided)
        {
            return false;
        }
        if (type.SpecialType == SpecialType.System_String)
        {
            // A char is compared by its number; a string by the culture's rules.
            return method.Name == "Format"
                || TextMethods.Contains(method.Name)
                    && (
                        method.Parameters.IsEmpty
                        || method.Parameters.Any(p => p.Type.SpecialType is SpecialType.System_String or SpecialType.System_Object)
                    );
        }
        if (type.ToDisplayString() == "System.Linq.Enumerable")
        {
            // Strings sort by culture unless a comparer is given.
            return method.Name
                    is "OrderBy"
                        or "OrderByDescending"
                        or "ThenBy"
                        or "ThenByDescending"
                        or "Order"
                        or "OrderDescending"
                        or "Max"
                        or "Min"
                && method.TypeArguments.Last().SpecialType == SpecialType.System_String
                && method.Parameters.All(p => p.Type.Name != "IComparer");
        }
        return method.Name is "ToString" or "Parse" or "TryParse" or "TryFormat" or "ParseExact" or "TryParseExact"
            && (FormatsByCulture(type) || IsInteger(type));
    }

    /// <summary>Decimal numbers and dates. Integers differ in their minus sign alone, so they may stand in interpolated text.</summary>
    public static bool FormatsByCulture(ITypeSymbol type)
    {
        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable)
        {
            type = nullable.TypeArguments[0];
        }
        return type.SpecialType switch
        {
            SpecialType.System_Decimal or SpecialType.System_Double or SpecialType.System_Single or SpecialType.System_DateTime => true,
            _ => type.ToDisplayString() is "System.DateTimeOffset" or "System.DateOnly" or "System.TimeOnly" or "System.Half",
        };
    }

    private static bool IsInteger(ITypeSymbol type) => type.SpecialType is >= SpecialType.System_SByte and <= SpecialType.System_UInt64;

    /// <summary>Whether an interpolated string is given to something with a format provider (string.Create, Append).</summary>
    public static bool HasProvider(IInterpolatedStringOperation text)
    {
        IOperation? above = text.Parent;
        while (above is IConversionOperation or IInterpolatedStringHandlerCreationOperation or IArgumentOperation)
        {
            above = above.Parent;
        }
        return above is IInvocationOperation call && call.Arguments.Any(a => a.Parameter?.Type.Name is "IFormatProvider");
    }
}
