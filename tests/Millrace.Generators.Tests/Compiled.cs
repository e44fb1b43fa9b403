using System.Collections.Immutable;
using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Millrace.Generators.Tests;

/// <summary>Source compiled in this process, with the generator and the analyzers.</summary>
internal sealed class Compiled
{
    public static readonly ImmutableArray<MetadataReference> References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var file && !file.StartsWith("Microsoft.CodeAnalysis", StringComparison.Ordinal))
            .Where(path => Path.GetFileName(path) != "Millrace.Generators.Tests.dll")
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private readonly CSharpCompilation _compilation;

    private Compiled(CSharpCompilation compilation, ImmutableArray<Diagnostic> diagnostics, string generated)
    {
        _compilation = compilation;
        Diagnostics = diagnostics;
        Generated = generated;
    }

    /// <summary>Of compiler and analyzers, but what is hidden.</summary>
    public ImmutableArray<Diagnostic> Diagnostics { get; }

    public string Generated { get; }

    public IEnumerable<Diagnostic> Errors => Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error);

    public IEnumerable<string> Ids => Diagnostics.Select(d => d.Id);

    public static Compiled Of(params string[] sources)
    {
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var trees = sources.Select((source, i) => CSharpSyntaxTree.ParseText(source, options, $"Source{i}.cs"));
        var compilation = CSharpCompilation.Create(
            $"Compiled{Guid.NewGuid():N}",
            trees,
            References,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable)
        );
        var driver = CSharpGeneratorDriver
            .Create([new RowGenerator().AsSourceGenerator()], parseOptions: options)
            .RunGeneratorsAndUpdateCompilation(compilation, out var generated, out var generator);
        var analyzers = typeof(RowGenerator)
            .Assembly.GetTypes()
            .Where(type => typeof(DiagnosticAnalyzer).IsAssignableFrom(type) && !type.IsAbstract)
            .Select(type => (DiagnosticAnalyzer)Activator.CreateInstance(type)!);
        var found = generated.WithAnalyzers([.. analyzers]).GetAllDiagnosticsAsync().GetAwaiter().GetResult();
        var text = string.Concat(driver.GetRunResult().GeneratedTrees.Select(tree => tree.ToString()));
        return new Compiled(
            (CSharpCompilation)generated,
            [.. found.Concat(generator).Where(d => d.Severity != DiagnosticSeverity.Hidden)],
            text
        );
    }

    public Assembly Load()
    {
        using var stream = new MemoryStream();
        var result = _compilation.Emit(stream);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        return Assembly.Load(stream.ToArray());
    }
}
