using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Millrace.Generators;

/// <summary>Says what is wrong with row records, and that no attribute of theirs is without effect.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class RowAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
    [
        RowDiagnostics.NotARecord,
        RowDiagnostics.NotPartial,
        RowDiagnostics.NoKey,
        RowDiagnostics.NotARow,
        RowDiagnostics.UnsupportedType,
        RowDiagnostics.DuplicateColumn,
        RowDiagnostics.ContainerNotPartial,
        RowDiagnostics.ForeignKey,
        RowDiagnostics.OccurredAt,
        RowDiagnostics.NoEffect,
        RowDiagnostics.NoConstructor,
        RowDiagnostics.NoTable,
        RowDiagnostics.TakenName,
    ];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterSymbolAction(Analyze, SymbolKind.NamedType);
    }

    private static void Analyze(SymbolAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        if (RowSymbols.IsRow(type))
        {
            RowSymbols.Read(type, context.ReportDiagnostic);
            return;
        }
        foreach (var member in type.GetMembers())
        {
            if (member is IPropertySymbol)
            {
                Idle(context, type, member);
            }
            else if (member is IMethodSymbol { MethodKind: MethodKind.Constructor, IsImplicitlyDeclared: false } constructor)
            {
                foreach (var parameter in constructor.Parameters)
                {
                    Idle(context, type, parameter);
                }
            }
        }
    }

    private static void Idle(SymbolAnalysisContext context, INamedTypeSymbol type, ISymbol member)
    {
        foreach (var attribute in RowProperty.ColumnAttributes(member))
        {
            var name = attribute.AttributeClass!.Name.Replace("Attribute", "");
            context.ReportDiagnostic(
                Diagnostic.Create(RowDiagnostics.NoEffect, member.Locations[0], name, type.Name, member.Name, $"{type.Name} is no [Row]")
            );
        }
    }
}
