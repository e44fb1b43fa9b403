using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Millrace.Generators;

/// <summary>Keeps assemblies marked <c>[assembly: Deterministic]</c> free of clock, chance, the world, threads, culture and zone.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class DeterminismAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
    [
        DeterminismDiagnostics.Clock,
        DeterminismDiagnostics.Chance,
        DeterminismDiagnostics.World,
        DeterminismDiagnostics.Concurrency,
        DeterminismDiagnostics.Culture,
        DeterminismDiagnostics.Zone,
        DeterminismDiagnostics.Order,
    ];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterCompilationStartAction(static start =>
        {
            if (RowSymbols.Attribute(start.Compilation.Assembly, "DeterministicAttribute") is null)
            {
                return;
            }
            start.RegisterOperationAction(c => Invocation(c, (IInvocationOperation)c.Operation), OperationKind.Invocation);
            start.RegisterOperationAction(c => Creation(c, (IObjectCreationOperation)c.Operation), OperationKind.ObjectCreation);
            start.RegisterOperationAction(c => Member(c, ((IMemberReferenceOperation)c.Operation).Member), OperationKind.PropertyReference);
            start.RegisterOperationAction(c => Member(c, ((IMemberReferenceOperation)c.Operation).Member), OperationKind.FieldReference);
            start.RegisterOperationAction(c => Member(c, ((IMemberReferenceOperation)c.Operation).Member), OperationKind.MethodReference);
            start.RegisterOperationAction(Interpolation, OperationKind.Interpolation);
            start.RegisterOperationAction(Loop, OperationKind.Loop);
            start.RegisterOperationAction(c => Ordered(c, ((ISpreadOperation)c.Operation).Operand), OperationKind.Spread);
        });
    }

    private static void Invocation(OperationAnalysisContext context, IInvocationOperation call)
    {
        var method = call.TargetMethod;
        Member(context, method);
        if (CultureRules.DependsOnCulture(method))
        {
            Report(context, DeterminismDiagnostics.Culture, Display(method));
        }
        if (OrderRules.KeepsOrder(method))
        {
            foreach (var argument in call.Arguments)
            {
                Ordered(context, argument.Value);
            }
        }
        // LINQ over an unordered collection hands its order on, except where it is sorted or does not matter.
        if (
            method.ContainingType.ToDisplayString() == "System.Linq.Enumerable"
            && !OrderRules.OrderDoesNotMatter(method)
            && !OrderRules.IsSorted(call)
            && call.Arguments.FirstOrDefault()?.Value is { } source
        )
        {
            Ordered(context, source);
        }
    }

    private static void Creation(OperationAnalysisContext context, IObjectCreationOperation creation)
    {
        Member(context, creation.Constructor);
        if (OrderRules.IsSequence(creation.Type))
        {
            foreach (var argument in creation.Arguments)
            {
                Ordered(context, argument.Value);
            }
        }
    }

    private static void Loop(OperationAnalysisContext context)
    {
        if (context.Operation is IForEachLoopOperation loop)
        {
            Ordered(context, loop.Collection);
        }
    }

    private static void Member(OperationAnalysisContext context, ISymbol? member)
    {
        // A hash code for lookups in memory is no result.
        if (member is not null && context.ContainingSymbol.Name != "GetHashCode" && Banned.RuleFor(member) is { } rule)
        {
            Report(context, rule, Display(member));
        }
    }

    private static void Interpolation(OperationAnalysisContext context)
    {
        var hole = (IInterpolationOperation)context.Operation;
        if (
            hole.Expression.Type is { } type
            && CultureRules.FormatsByCulture(type)
            && hole.Parent is IInterpolatedStringOperation text
            && !CultureRules.HasProvider(text)
        )
        {
            Report(context, DeterminismDiagnostics.Culture, $"\"{{{hole.Expression.Syntax}}}\" of type {type.ToDisplayString()}");
        }
    }

    private static void Ordered(OperationAnalysisContext context, IOperation collection)
    {
        while (collection is IConversionOperation { IsImplicit: true } conversion)
        {
            collection = conversion.Operand;
        }
        if (OrderRules.IsUnordered(collection.Type))
        {
            Report(
                context,
                DeterminismDiagnostics.Order,
                collection.Type!.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat),
                collection
            );
        }
    }

    private static void Report(OperationAnalysisContext context, DiagnosticDescriptor rule, string what, IOperation? at = null) =>
        context.ReportDiagnostic(Diagnostic.Create(rule, (at ?? context.Operation).Syntax.GetLocation(), what));

    private static string Display(ISymbol member) =>
        member is IMethodSymbol { MethodKind: MethodKind.Constructor }
            ? member.ContainingType.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)
            : $"{member.ContainingType.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)}.{member.Name}";
}
