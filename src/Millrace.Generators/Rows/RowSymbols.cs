using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Millrace.Generators;

/// <summary>Reads a row record's declaration, and says everything that is wrong with it.</summary>
internal static class RowSymbols
{
    public const string Row = "Millrace.RowAttribute";

    private static readonly SymbolDisplayFormat Full = SymbolDisplayFormat.FullyQualifiedFormat;

    /// <summary>The model, or null where something is wrong; <paramref name="report"/> is told what.</summary>
    public static RowModel? Read(INamedTypeSymbol row, Action<Diagnostic> report)
    {
        var wrong = false;
        void Report(DiagnosticDescriptor descriptor, ISymbol at, params object?[] arguments)
        {
            wrong = true;
            report(Diagnostic.Create(descriptor, at.Locations.FirstOrDefault(), arguments));
        }

        if (ShapeProblem(row) is { } problem)
        {
            Report(RowDiagnostics.NotARecord, row, row.Name, problem);
            return null;
        }
        if (!IsPartial(row))
        {
            Report(RowDiagnostics.NotPartial, row, row.Name);
        }
        var containers = new List<string>();
        for (var outer = row.ContainingType; outer is not null; outer = outer.ContainingType)
        {
            if (!IsPartial(outer))
            {
                Report(RowDiagnostics.ContainerNotPartial, row, row.Name, outer.Name);
            }
            containers.Insert(0, $"partial {Keyword(outer)} {Identifier(outer.Name)}");
        }
        var table = Attribute(row, "RowAttribute")?.ConstructorArguments.FirstOrDefault().Value as string;
        if (string.IsNullOrEmpty(table))
        {
            Report(RowDiagnostics.NoTable, row, row.Name);
        }

        var properties = RowProperty.Of(row, out var positional);
        if (positional == 0 && !row.InstanceConstructors.Any(c => c.Parameters.IsEmpty))
        {
            Report(RowDiagnostics.NoConstructor, row, row.Name);
        }
        foreach (var idle in row.GetMembers().OfType<IPropertySymbol>().Where(p => properties.All(q => !q.Is(p))))
        {
            if (RowProperty.ColumnAttributes(idle).FirstOrDefault() is { } attribute)
            {
                var name = attribute.AttributeClass!.Name.Replace("Attribute", "");
                Report(RowDiagnostics.NoEffect, idle, name, row.Name, idle.Name, "the property cannot be set, so it is no column");
            }
        }

        var columns = new List<ColumnModel>();
        INamedTypeSymbol? parent = null;
        foreach (var property in properties)
        {
            if (ColumnTypes.KindOf(property.Type) is not { } kind)
            {
                Report(RowDiagnostics.UnsupportedType, property.Symbol, row.Name, property.Name, property.Type.ToDisplayString());
                continue;
            }
            var column = property.ToColumn(kind);
            if (property.Name is "Definition" or "Parse" or "Write")
            {
                Report(RowDiagnostics.TakenName, property.Symbol, row.Name, property.Name, column.Name);
            }
            if (columns.FirstOrDefault(c => c.Name == column.Name) is { } twin)
            {
                Report(RowDiagnostics.DuplicateColumn, property.Symbol, row.Name, twin.Property, column.Property, column.Name);
            }
            if (property.Attribute("ChildOfAttribute")?.AttributeClass?.TypeArguments[0] is INamedTypeSymbol childOf)
            {
                column = column with { Parent = true };
                if (!IsRow(childOf))
                {
                    Report(RowDiagnostics.NotARow, property.Symbol, row.Name, property.Name, "ChildOf", childOf.Name);
                }
                else if (parent is not null && !SymbolEqualityComparer.Default.Equals(parent, childOf))
                {
                    Report(RowDiagnostics.ForeignKey, property.Symbol, row.Name, $"is a child of both {parent.Name} and {childOf.Name}");
                }
                parent = childOf;
            }
            if (property.Attribute("ReferencesAttribute")?.AttributeClass?.TypeArguments[0] is INamedTypeSymbol references)
            {
                column = column with { Reference = references.ToDisplayString(Full) };
                if (!IsRow(references))
                {
                    Report(RowDiagnostics.NotARow, property.Symbol, row.Name, property.Name, "References", references.Name);
                }
            }
            if (column.OccurredAt)
            {
                if (kind is not (ColumnKind.DateTime or ColumnKind.DateTimeOffset))
                {
                    var type = property.Type.ToDisplayString();
                    Report(
                        RowDiagnostics.OccurredAt,
                        property.Symbol,
                        row.Name,
                        $"has [OccurredAt] on {property.Name}, which is {type}, no DateTime or DateTimeOffset"
                    );
                }
                else if (columns.FirstOrDefault(c => c.OccurredAt) is { } other)
                {
                    Report(
                        RowDiagnostics.OccurredAt,
                        property.Symbol,
                        row.Name,
                        $"has [OccurredAt] on both {other.Property} and {property.Name}"
                    );
                }
            }
            columns.Add(column);
        }
        if (!columns.Any(c => c.Key) && !string.IsNullOrEmpty(table))
        {
            Report(RowDiagnostics.NoKey, row, row.Name, table);
        }
        if (parent is not null && ParentProblem(row, parent, columns.Count(c => c.Parent)) is { } mismatch)
        {
            Report(RowDiagnostics.ForeignKey, row, row.Name, mismatch);
        }
        return wrong
            ? null
            : new RowModel(
                row.ContainingNamespace.IsGlobalNamespace ? "" : row.ContainingNamespace.ToDisplayString(),
                containers.ToSequence(),
                Identifier(row.Name),
                row.ToDisplayString(Full),
                table!,
                columns.ToSequence(),
                positional,
                parent?.ToDisplayString(Full)
            );
    }

    public static bool IsRow(INamedTypeSymbol type) => Attribute(type, "RowAttribute") is not null;

    public static AttributeData? Attribute(ISymbol symbol, string name) =>
        symbol.GetAttributes().FirstOrDefault(a => a.AttributeClass is { } c && c.Name == name && IsMillrace(c));

    public static bool IsMillrace(INamedTypeSymbol type) =>
        type.ContainingNamespace is { Name: "Millrace", ContainingNamespace.IsGlobalNamespace: true };

    public static bool IsPartial(INamedTypeSymbol type) =>
        type.DeclaringSyntaxReferences.Any(r =>
            r.GetSyntax() is TypeDeclarationSyntax declaration && declaration.Modifiers.Any(SyntaxKind.PartialKeyword)
        );

    public static string Identifier(string name) =>
        SyntaxFacts.GetKeywordKind(name) != SyntaxKind.None || SyntaxFacts.GetContextualKeywordKind(name) != SyntaxKind.None
            ? "@" + name
            : name;

    private static string? ShapeProblem(INamedTypeSymbol row)
    {
        if (!row.IsRecord || row.TypeKind != TypeKind.Class)
        {
            return "is no record class";
        }
        if (row.IsAbstract)
        {
            return "is abstract";
        }
        if (row.IsFileLocal)
        {
            return "is local to its file";
        }
        for (INamedTypeSymbol? type = row; type is not null; type = type.ContainingType)
        {
            if (type.IsGenericType)
            {
                return type.Equals(row, SymbolEqualityComparer.Default) ? "is generic" : $"is nested in the generic type {type.Name}";
            }
        }
        return row.BaseType is { SpecialType: not SpecialType.System_Object } parent ? $"derives from {parent.Name}" : null;
    }

    private static string? ParentProblem(INamedTypeSymbol row, INamedTypeSymbol parent, int columns)
    {
        var seen = new HashSet<INamedTypeSymbol>(SymbolEqualityComparer.Default) { row };
        for (var above = parent; above is not null; above = ParentOf(above))
        {
            if (!seen.Add(above))
            {
                return $"is a child of itself by way of {parent.Name}";
            }
        }
        var keys = RowProperty.Of(parent, out _).Count(p => p.Attribute("KeyAttribute") is not null);
        return keys == 0 || keys == columns || !IsRow(parent)
            ? null
            : $"has {columns} column(s) with [ChildOf<{parent.Name}>], but the key of {parent.Name} has {keys}; mark each, in the order of that key";
    }

    private static INamedTypeSymbol? ParentOf(INamedTypeSymbol row) =>
        RowProperty
            .Of(row, out _)
            .Select(p => p.Attribute("ChildOfAttribute")?.AttributeClass?.TypeArguments[0] as INamedTypeSymbol)
            .FirstOrDefault(p => p is not null);

    private static string Keyword(INamedTypeSymbol type) =>
        (type.IsRecord, type.TypeKind) switch
        {
            (true, TypeKind.Struct) => "record struct",
            (true, _) => "record",
            (_, TypeKind.Struct) => "struct",
            (_, TypeKind.Interface) => "interface",
            _ => "class",
        };
}
