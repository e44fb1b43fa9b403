using Microsoft.CodeAnalysis;

namespace Millrace.Generators;

/// <summary>What can be wrong with the messages of an application.</summary>
internal static class MessageDiagnostics
{
    public static readonly DiagnosticDescriptor UnhandledCommand = new(
        "MILL301",
        "A decision names every command",
        "This switch over {0} does not name {1}; such a command would come to the last arm",
        "Millrace.Messages",
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true
    );

    public static readonly DiagnosticDescriptor UnknownToJson = new(
        "MILL302",
        "A JSON context knows every message",
        "{0} is written to a log or a store, but no JsonSerializerContext here has [JsonSerializable(typeof({0}))]; add it to {1}",
        "Millrace.Messages",
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true,
        customTags: WellKnownDiagnosticTags.CompilationEnd
    );
}
