using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Millrace.Generators.Tests;

public class MakePartialTests
{
    [Fact]
    public async Task The_fix_makes_a_record_and_what_it_is_nested_in_partial()
    {
        const string before = """
            // A comment that stays.
            static class Outer
            {
                /// <summary>A ticket.</summary>
                [Millrace.Row("t")] sealed record R([property: Millrace.Key] int Id);
            }
            """;
        const string after = """
            // A comment that stays.
            static partial class Outer
            {
                /// <summary>A ticket.</summary>
                [Millrace.Row("t")] sealed partial record R([property: Millrace.Key] int Id);
            }
            """;
        Assert.Equal(after, await Fixed(before));
        Assert.Empty(Compiled.Of(after).Diagnostics);
    }

    private static async Task<string> Fixed(string source)
    {
        using var workspace = new AdhocWorkspace();
        var document = workspace
            .AddProject("Test", LanguageNames.CSharp)
            .AddMetadataReferences(Compiled.References)
            .AddDocument("Test.cs", source);
        var compilation = await document.Project.GetCompilationAsync(TestContext.Current.CancellationToken);
        var found = await compilation!
            .WithAnalyzers([new RowAnalyzer()])
            .GetAnalyzerDiagnosticsAsync(TestContext.Current.CancellationToken);
        CodeAction? action = null;
        await new MakePartial().RegisterCodeFixesAsync(
            new CodeFixContext(
                document,
                found.First(d => d.Id == "MILL101"),
                (fix, _) => action = fix,
                TestContext.Current.CancellationToken
            )
        );
        var operations = await action!.GetOperationsAsync(TestContext.Current.CancellationToken);
        var changed = operations.OfType<ApplyChangesOperation>().Single().ChangedSolution.GetDocument(document.Id)!;
        return (await changed.GetTextAsync(TestContext.Current.CancellationToken)).ToString();
    }
}
