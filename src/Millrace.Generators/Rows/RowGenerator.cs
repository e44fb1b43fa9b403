using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Millrace.Generators;

/// <summary>Gives a <c>[Row]</c> partial record its definition, parser and writer.</summary>
[Generator]
public sealed class RowGenerator : IIncrementalGenerator
{
    /// <inheritdoc />
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var rows = context
            .SyntaxProvider.ForAttributeWithMetadataName(
                RowSymbols.Row,
                static (node, _) => node is RecordDeclarationSyntax,
                // What is wrong is said by RowAnalyzer.
                static (found, _) => RowSymbols.Read((INamedTypeSymbol)found.TargetSymbol, static _ => { })
            )
            .Where(static row => row is not null)
            .WithTrackingName("rows");
        context.RegisterSourceOutput(
            rows,
            static (output, row) => output.AddSource(FileName(row!), SourceText.From(RowSource.Of(row!), Encoding.UTF8))
        );
    }

    private static string FileName(RowModel row) =>
        row.FullName.Replace("global::", "").Replace("@", "").Replace('<', '(').Replace('>', ')') + ".g.cs";
}
