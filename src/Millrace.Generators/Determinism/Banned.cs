using Microsoft.CodeAnalysis;

namespace Millrace.Generators;

/// <summary>What is banned from deterministic assemblies, by type and member.</summary>
internal static class Banned
{
    // A type's name bans every member; "type.member" that member alone.
    private static readonly Dictionary<string, DiagnosticDescriptor> Names = Index(
        (
            DeterminismDiagnostics.Clock,
            [
                "System.DateTime.Now",
                "System.DateTime.UtcNow",
                "System.DateTime.Today",
                "System.DateTimeOffset.Now",
                "System.DateTimeOffset.UtcNow",
                "System.TimeProvider",
                "System.Environment.TickCount",
                "System.Environment.TickCount64",
                "System.Diagnostics.Stopwatch",
            ]
        ),
        (
            DeterminismDiagnostics.Chance,
            [
                "System.Guid.NewGuid",
                "System.Guid.CreateVersion7",
                "System.Random",
                "System.Security.Cryptography.RandomNumberGenerator",
                "System.HashCode",
                "string.GetHashCode",
                "System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode",
                "System.IO.Path.GetRandomFileName",
                "System.IO.Path.GetTempFileName",
            ]
        ),
        (
            DeterminismDiagnostics.World,
            [
                "System.Console",
                "System.IO.File",
                "System.IO.FileInfo",
                "System.IO.FileStream",
                "System.IO.Directory",
                "System.IO.DirectoryInfo",
                "System.IO.DriveInfo",
                "System.IO.StreamReader",
                "System.IO.StreamWriter",
                "System.Environment",
                "System.AppContext",
                "System.Diagnostics.Process",
                "System.Net.Dns",
            ]
        ),
        (
            DeterminismDiagnostics.Concurrency,
            [
                "System.Threading.Thread",
                "System.Threading.ThreadPool",
                "System.Threading.Timer",
                "System.Threading.PeriodicTimer",
                "System.Threading.Tasks.Parallel",
                "System.Threading.Tasks.TaskFactory",
                "System.Threading.Tasks.Task.Run",
                "System.Threading.Tasks.Task.Delay",
                "System.Threading.Tasks.Task.Start",
                "System.Threading.Tasks.Task.Factory",
                "System.Linq.ParallelEnumerable",
            ]
        ),
        (
            DeterminismDiagnostics.Culture,
            [
                "System.Globalization.CultureInfo.CurrentCulture",
                "System.Globalization.CultureInfo.CurrentUICulture",
                "System.Globalization.CultureInfo.InstalledUICulture",
                "System.StringComparer.CurrentCulture",
                "System.StringComparer.CurrentCultureIgnoreCase",
                "System.StringComparison.CurrentCulture",
                "System.StringComparison.CurrentCultureIgnoreCase",
                "System.Globalization.NumberFormatInfo.CurrentInfo",
                "System.Globalization.DateTimeFormatInfo.CurrentInfo",
            ]
        ),
        (
            DeterminismDiagnostics.Zone,
            [
                "System.TimeZoneInfo.Local",
                "System.TimeZone",
                "System.DateTime.ToLocalTime",
                "System.DateTimeOffset.ToLocalTime",
                "System.DateTimeOffset.LocalDateTime",
                "System.DateTime.ToUniversalTime",
            ]
        )
    );

    /// <summary>Whole namespaces that talk to the world.</summary>
    private static readonly string[] Namespaces = ["System.Net.Http", "System.Net.Sockets", "System.Net.WebSockets", "System.Data"];

    /// <summary>The rule that a use of this member breaks, or null.</summary>
    public static DiagnosticDescriptor? RuleFor(ISymbol member)
    {
        var original = member.OriginalDefinition;
        if (original.ContainingType is not { } type)
        {
            return null;
        }
        var typeName = type.ToDisplayString();
        if (Names.TryGetValue($"{typeName}.{original.Name}", out var rule) || Names.TryGetValue(typeName, out rule))
        {
            return rule;
        }
        var space = type.ContainingNamespace.ToDisplayString();
        return Namespaces.Any(n => space == n || space.StartsWith(n + ".", StringComparison.Ordinal)) ? DeterminismDiagnostics.World : null;
    }

    private static Dictionary<string, DiagnosticDescriptor> Index(params (DiagnosticDescriptor Rule, string[] Names)[] rules) =>
        rules.SelectMany(rule => rule.Names.Select(name => (name, rule.Rule))).ToDictionary(pair => pair.name, pair => pair.Rule);
}
