using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Millrace.Generators;

/// <summary>Finds, before the application does at its start, messages, states and documents that its JSON context does not know.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class JsonContextAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] Declaring = ["Publishes", "State", "OnCommand", "Document", "Settings", "Intent"];

    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [MessageDiagnostics.UnknownToJson];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterCompilationStartAction(static start =>
        {
            var used = new ConcurrentBag<(ITypeSymbol Type, Location Location)>();
            var contexts = new ConcurrentBag<INamedTypeSymbol>();
            start.RegisterOperationAction(
                c =>
                {
                    var call = (IInvocationOperation)c.Operation;
                    if (
                        call.TargetMethod is { TypeArguments.Length: 1 } method
                        && Declaring.Contains(method.Name)
                        && RowSymbols.IsMillrace(method.ContainingType)
                        && method.TypeArguments[0] is { TypeKind: not TypeKind.TypeParameter } type
                    )
                    {
                        used.Add((type, call.Syntax.GetLocation()));
                    }
                },
                OperationKind.Invocation
            );
            start.RegisterSymbolAction(
                c =>
                {
                    if (c.Symbol is INamedTypeSymbol { BaseType.Name: "JsonSerializerContext" } found)
                    {
                        contexts.Add(found);
                    }
                },
                SymbolKind.NamedType
            );
            start.RegisterCompilationEndAction(end => Compare(end, used, contexts));
        });
    }

    private static void Compare(
        CompilationAnalysisContext context,
        IEnumerable<(ITypeSymbol Type, Location Location)> used,
        ConcurrentBag<INamedTypeSymbol> contexts
    )
    {
        // An application may keep its contexts in another assembly; the check at its start sees them all.
        if (contexts.IsEmpty)
        {
            return;
        }
        var known = new HashSet<ITypeSymbol>(
            contexts
                .SelectMany(c => c.GetAttributes())
                .Where(a => a.AttributeClass?.Name == "JsonSerializableAttribute")
                .Select(a => a.ConstructorArguments.FirstOrDefault().Value)
                .OfType<ITypeSymbol>(),
            SymbolEqualityComparer.Default
        );
        var name = contexts.Select(c => c.Name).OrderBy(n => n, StringComparer.Ordinal).First();
        foreach (var (type, location) in used.Where(u => !known.Contains(u.Type)))
        {
            var display = type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat);
            context.ReportDiagnostic(Diagnostic.Create(MessageDiagnostics.UnknownToJson, location, display, name));
        }
    }
}
