using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Millrace.Generators;

/// <summary>
/// The compiler does not know that a hierarchy is closed, so a switch over commands needs a last arm, and that arm would take the command
/// somebody adds next year. This says which commands a switch does not name.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class CommandSwitchAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [MessageDiagnostics.UnhandledCommand];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(Expression, OperationKind.SwitchExpression);
        context.RegisterOperationAction(Statement, OperationKind.Switch);
    }

    private static void Expression(OperationAnalysisContext context)
    {
        var choice = (ISwitchExpressionOperation)context.Operation;
        if (choice.Arms.Any(arm => arm.Pattern is IDiscardPatternOperation or IDeclarationPatternOperation { MatchesNull: true }))
        {
            Check(context, choice.Value.Type, choice.Arms.Select(arm => arm.Pattern));
        }
    }

    private static void Statement(OperationAnalysisContext context)
    {
        var choice = (ISwitchOperation)context.Operation;
        var clauses = choice.Cases.SelectMany(c => c.Clauses).ToList();
        if (clauses.Any(c => c is IDefaultCaseClauseOperation))
        {
            Check(context, choice.Value.Type, clauses.OfType<IPatternCaseClauseOperation>().Select(c => c.Pattern));
        }
    }

    private static void Check(OperationAnalysisContext context, ITypeSymbol? type, IEnumerable<IPatternOperation> patterns)
    {
        if (
            type is not INamedTypeSymbol { IsAbstract: true } root
            || !root.AllInterfaces.Any(i => i.Name == "ICommand" && RowSymbols.IsMillrace(i))
            || !IsClosed(root)
        )
        {
            return;
        }
        var named = new HashSet<ITypeSymbol>(patterns.SelectMany(Types), SymbolEqualityComparer.Default);
        var missing = Members(root).Where(m => !IsNamed(m, root, named)).Select(m => m.Name).ToList();
        if (missing.Count > 0)
        {
            context.ReportDiagnostic(
                Diagnostic.Create(
                    MessageDiagnostics.UnhandledCommand,
                    context.Operation.Syntax.GetLocation(),
                    root.Name,
                    string.Join(", ", missing)
                )
            );
        }
    }

    // Nobody outside can derive: but for a record's own copy constructor, its constructors are private.
    private static bool IsClosed(INamedTypeSymbol root) =>
        root.InstanceConstructors.All(c =>
            c.DeclaredAccessibility == Accessibility.Private || c.IsImplicitlyDeclared && c.Parameters.Length == 1
        );

    private static IEnumerable<INamedTypeSymbol> Members(INamedTypeSymbol root) =>
        root.GetTypeMembers().Where(m => !m.IsAbstract && Derives(m, root));

    private static bool IsNamed(INamedTypeSymbol member, INamedTypeSymbol root, HashSet<ITypeSymbol> named)
    {
        for (INamedTypeSymbol? type = member; type is not null && !SymbolEqualityComparer.Default.Equals(type, root); type = type.BaseType)
        {
            if (named.Contains(type))
            {
                return true;
            }
        }
        return false;
    }

    private static bool Derives(INamedTypeSymbol type, INamedTypeSymbol root)
    {
        for (var above = type.BaseType; above is not null; above = above.BaseType)
        {
            if (SymbolEqualityComparer.Default.Equals(above, root))
            {
                return true;
            }
        }
        return false;
    }

    private static IEnumerable<ITypeSymbol> Types(IPatternOperation pattern) =>
        pattern switch
        {
            IDeclarationPatternOperation { MatchedType: { } type } => [type],
            ITypePatternOperation type => [type.MatchedType],
            IRecursivePatternOperation { MatchedType: { } type } => [type],
            IBinaryPatternOperation { OperatorKind: BinaryOperatorKind.Or } either =>
            [
                .. Types(either.LeftPattern),
                .. Types(either.RightPattern),
            ],
            IBinaryPatternOperation both => Types(both.LeftPattern),
            _ => [],
        };
}
