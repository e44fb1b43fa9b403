using Microsoft.CodeAnalysis;

namespace Millrace.Generators;

/// <summary>What pure code may not do: the same log through the same code gives the same events.</summary>
internal static class DeterminismDiagnostics
{
    public static readonly DiagnosticDescriptor Clock = Rule(
        "MILL201",
        "Deterministic code reads no clock",
        "{0} reads the wall clock, and a replay would see another time. Use the time of the context."
    );

    public static readonly DiagnosticDescriptor Chance = Rule(
        "MILL202",
        "Deterministic code leaves nothing to chance",
        "{0} differs at each run. Derive the value from the record: entity, time, event."
    );

    public static readonly DiagnosticDescriptor World = Rule(
        "MILL203",
        "Deterministic code neither reads nor changes the world",
        "{0} reaches out of the log. Return an intent and let an executor do it, or take what is needed from rows and settings."
    );

    public static readonly DiagnosticDescriptor Concurrency = Rule(
        "MILL204",
        "Deterministic code runs on one thread",
        "{0} makes the result depend on the scheduler. Decisions are plain functions; the runtime runs partitions in parallel."
    );

    public static readonly DiagnosticDescriptor Culture = Rule(
        "MILL205",
        "Deterministic code formats the same everywhere",
        "{0} depends on the machine's culture. Give CultureInfo.InvariantCulture, or an ordinal comparison."
    );

    public static readonly DiagnosticDescriptor Zone = Rule(
        "MILL206",
        "Deterministic code knows no local time zone",
        "{0} depends on the machine's time zone. Stay in UTC, or name the zone."
    );

    public static readonly DiagnosticDescriptor Order = Rule(
        "MILL207",
        "Deterministic code relies on no order that is not given",
        "The order of {0} is not defined. Sort it, or use an ordered collection.",
        DiagnosticSeverity.Warning
    );

    private static DiagnosticDescriptor Rule(
        string id,
        string title,
        string message,
        DiagnosticSeverity severity = DiagnosticSeverity.Error
    ) => new(id, title, message, "Millrace.Determinism", severity, isEnabledByDefault: true);
}
