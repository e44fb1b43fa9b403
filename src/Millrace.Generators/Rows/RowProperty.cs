using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Millrace.Generators;

/// <summary>A property that is a column: a positional parameter, or a property that can be set or initialised.</summary>
internal sealed class RowProperty
{
    private static readonly string[] Attributes =
    [
        "KeyAttribute",
        "ChildOfAttribute",
        "ReferencesAttribute",
        "OccurredAtAttribute",
        "ColumnAttribute",
    ];

    private readonly IPropertySymbol _property;
    private readonly IParameterSymbol? _parameter;

    private RowProperty(IPropertySymbol property, IParameterSymbol? parameter)
    {
        _property = property;
        _parameter = parameter;
    }

    public string Name => _property.Name;
    public ITypeSymbol Type => _property.Type;
    public ISymbol Symbol => _parameter ?? (ISymbol)_property;

    public static IReadOnlyList<RowProperty> Of(INamedTypeSymbol row, out int positional)
    {
        var primary = row.InstanceConstructors.FirstOrDefault(c =>
            c.DeclaringSyntaxReferences.Any(r => r.GetSyntax() is RecordDeclarationSyntax { ParameterList: not null })
            || (c.Parameters.Length > 0 && IsPrimaryOfMetadata(row, c))
        );
        var all = row.GetMembers()
            .OfType<IPropertySymbol>()
            .Where(p => !p.IsStatic && !p.IsIndexer && !p.IsImplicitlyDeclaredContract())
            .ToList();
        var result = new List<RowProperty>();
        foreach (var parameter in primary?.Parameters ?? [])
        {
            if (all.FirstOrDefault(p => p.Name == parameter.Name) is { } property)
            {
                result.Add(new RowProperty(property, parameter));
            }
        }
        positional = result.Count;
        result.AddRange(
            all.Where(p => p is { SetMethod: not null, DeclaredAccessibility: Accessibility.Public } && result.All(r => !r.Is(p)))
                .Select(p => new RowProperty(p, null))
        );
        return result;
    }

    public static IEnumerable<AttributeData> ColumnAttributes(ISymbol symbol) =>
        symbol.GetAttributes().Where(a => a.AttributeClass is { } c && Attributes.Contains(c.Name) && RowSymbols.IsMillrace(c));

    public bool Is(IPropertySymbol property) => SymbolEqualityComparer.Default.Equals(_property, property);

    public AttributeData? Attribute(string name) =>
        RowSymbols.Attribute(_property, name) ?? (_parameter is null ? null : RowSymbols.Attribute(_parameter, name));

    public ColumnModel ToColumn(ColumnKind kind)
    {
        var type = ColumnTypes.WithoutNull(Type);
        return new ColumnModel(
            Attribute("ColumnAttribute")?.ConstructorArguments.FirstOrDefault().Value as string ?? SnakeCase.Of(Name),
            RowSymbols.Identifier(Name),
            type.WithNullableAnnotation(NullableAnnotation.NotAnnotated).ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat),
            Type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat),
            kind,
            Type.IsValueType
                ? !SymbolEqualityComparer.Default.Equals(type, Type)
                : Type.NullableAnnotation != NullableAnnotation.NotAnnotated,
            Type.IsValueType
        )
        {
            Key = Attribute("KeyAttribute") is not null,
            OccurredAt = Attribute("OccurredAtAttribute") is not null,
        };
    }

    // A record of another assembly has no syntax; its primary constructor is the one whose parameters are all properties.
    private static bool IsPrimaryOfMetadata(INamedTypeSymbol row, IMethodSymbol constructor) =>
        constructor.DeclaringSyntaxReferences.IsEmpty
        && row.DeclaringSyntaxReferences.IsEmpty
        && constructor.Parameters.All(p => row.GetMembers(p.Name).OfType<IPropertySymbol>().Any());
}

internal static class PropertySymbols
{
    /// <summary>A record's own EqualityContract.</summary>
    public static bool IsImplicitlyDeclaredContract(this IPropertySymbol property) => property.Name == "EqualityContract";
}
