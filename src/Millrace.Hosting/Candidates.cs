using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.Extensions.Configuration;

namespace Millrace;

/// <summary>Where candidate code comes from: the host's own, an assembly that the configuration names, or one in the folder that it names.</summary>
internal sealed class Candidates(IConfiguration configuration, IEnumerable<CandidateTopology> given)
{
    private const string One = $"{MillraceHostBuilderExtensions.Section}:Candidate";
    private const string Folder = $"{MillraceHostBuilderExtensions.Section}:Candidates";
    private const string Property = $"{MillraceHostBuilderExtensions.Section}:CandidateTopology";

    /// <summary>What the host begins with; null where there is none.</summary>
    /// <exception cref="ReplayException">It cannot be loaded.</exception>
    public Topology? Find() =>
        given.LastOrDefault()?.Topology
        ?? (configuration[One] is { Length: > 0 } path ? CandidateLoader.Load(Path.GetFullPath(path), configuration[Property]) : null);

    /// <summary>Loads a build from the folder of candidates while the host runs.</summary>
    /// <param name="name">The path of its assembly, below that folder.</param>
    /// <exception cref="ReplayException">There is no such folder, or no such build in it.</exception>
    public Topology Load(string name)
    {
        if (configuration[Folder] is not { Length: > 0 } folder)
        {
            throw new ReplayException(
                $"This host loads no code while it runs. Set {Folder} to the folder that candidate builds are put in, or {One} to the path of one, and start it again."
            );
        }
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar;
        var path = Path.GetFullPath(Path.Combine(root, name));
        return path.StartsWith(root, StringComparison.Ordinal)
            ? CandidateLoader.Load(path, configuration[Property])
            : throw new ReplayException($"\"{name}\" is not below the folder of candidates ({Folder}).");
    }
}

/// <summary>A candidate that the host's own code gives.</summary>
internal sealed record CandidateTopology(Topology Topology);

/// <summary>Loads a build beside the running one: its own assemblies apart, Millrace and the framework shared.</summary>
internal static class CandidateLoader
{
    public static Topology Load(string path, string? property)
    {
        if (!File.Exists(path))
        {
            throw new ReplayException($"There is no candidate {path}: give the path of the assembly that has its topology.");
        }
        try
        {
            var assembly = new CandidateContext(path).LoadFromAssemblyName(AssemblyName.GetAssemblyName(path));
            var found = Topologies(assembly)
                .Where(member => property is null || $"{member.DeclaringType!.FullName}.{member.Name}" == property);
            return found.ToList() switch
            {
                [var one] => (Topology)one.GetValue(null)!,
                [] => throw new ReplayException(
                    $"{path} has no public static property of type Topology{(property is null ? "" : $" named {property}")}: name the assembly that has, or the property (Millrace:CandidateTopology)."
                ),
                var many => throw new ReplayException(
                    $"{path} has {many.Count} topologies: say which with Millrace:CandidateTopology, one of {string.Join(", ", many.Select(member => $"{member.DeclaringType!.FullName}.{member.Name}"))}."
                ),
            };
        }
        catch (Exception e)
            when (e
                    is BadImageFormatException
                        or IOException
                        or TypeLoadException
                        or ReflectionTypeLoadException
                        or TargetInvocationException
            )
        {
            throw new ReplayException($"The candidate {path} cannot be loaded: {Startup.Reason(e)}");
        }
    }

    [UnconditionalSuppressMessage(
        "Trimming",
        "IL2026",
        Justification = "A candidate is loaded by its path; an application that is trimmed cannot have one."
    )]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "As above.")]
    private static IEnumerable<PropertyInfo> Topologies(Assembly assembly) =>
        assembly
            .GetExportedTypes()
            .Where(type => !type.ContainsGenericParameters)
            .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(member => member.PropertyType == typeof(Topology));

    private sealed class CandidateContext(string path) : AssemblyLoadContext($"candidate {Path.GetFileName(path)}")
    {
        // What both sides exchange must be one: a topology of another Millrace would be none.
        private static readonly HashSet<string> Shared =
        [
            "Millrace",
            "Millrace.Dashboard",
            "Millrace.Embedded",
            "Millrace.Hosting",
            "Millrace.Kafka",
            "Millrace.MySql",
            "Millrace.Rocks",
            "Millrace.Testing",
        ];

        private readonly AssemblyDependencyResolver _resolver = new(path);

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            if (assemblyName.Name is not { } name || Shared.Contains(name))
            {
                return null;
            }
            var found = _resolver.ResolveAssemblyToPath(assemblyName);
            var beside = Path.Combine(Path.GetDirectoryName(path)!, $"{name}.dll");
            found ??= File.Exists(beside) ? beside : null;
            // From memory: a build that is put in its place later does not change what runs.
            return found is null ? null : LoadFromStream(new MemoryStream(File.ReadAllBytes(found)));
        }
    }
}
