using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;

namespace Millrace;

/// <summary>
/// The messages of a topology as JSON Schema (draft 2020-12), one file a kind, and one AsyncAPI document of its topics. Made from the same JSON types
/// that write them, in a fixed order, so that a difference between two exports is a difference between two messages.
/// </summary>
internal static class SchemaExport
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        // The files are read by people and tools, never put into HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonSchemaExporterOptions Strict = new() { TreatNullObliviousAsNonNullable = true };

    /// <summary>Every document with its file name.</summary>
    public static IEnumerable<(string Name, string Text)> Documents(Application application)
    {
        var topology = application.Topology;
        foreach (var aggregate in topology.Aggregates)
        {
            yield return (
                $"{aggregate.Name}.events.schema.json",
                Text(Titled(topology, aggregate.EventType, $"Events of {aggregate.Name}"))
            );
            if (aggregate.CommandTypes.Count > 0)
            {
                var types = aggregate.CommandTypes.Select(JsonNode? (type) => Schema(topology, type)).ToArray();
                var commands = types is [var only] ? (JsonObject)only! : new JsonObject { ["anyOf"] = new JsonArray(types) };
                yield return ($"{aggregate.Name}.commands.schema.json", Text(Titled(commands, $"Native commands of {aggregate.Name}")));
            }
        }
        foreach (var view in topology.Views)
        {
            yield return ($"{view.Name}.document.schema.json", Text(Titled(topology, view.DocumentType, $"Document of {view.Name}")));
        }
        yield return ("asyncapi.json", Text(AsyncApi.Document(application)));
    }

    /// <summary>The schema of a type; of a closed hierarchy, <c>anyOf</c> its members, each with its discriminator.</summary>
    public static JsonObject Schema(Topology topology, Type type)
    {
        var schema = topology.JsonType(type)!.GetJsonSchemaAsNode(Strict);
        return schema as JsonObject ?? new JsonObject();
    }

    /// <summary>The schema of each member of a closed hierarchy, by its durable name.</summary>
    public static IEnumerable<(string Name, JsonObject Schema)> Members(Topology topology, Type type)
    {
        var json = topology.JsonType(type)!;
        var discriminator = json.PolymorphismOptions!.TypeDiscriminatorPropertyName;
        foreach (var member in (JsonArray)Schema(topology, type)["anyOf"]!)
        {
            var name = (string)member!["properties"]![discriminator]!["const"]!;
            var schema = member.DeepClone().AsObject();
            schema.TryAdd("type", "object");
            yield return (name, schema);
        }
    }

    private static JsonObject Titled(Topology topology, Type type, string title) => Titled(Schema(topology, type), title);

    private static JsonObject Titled(JsonObject schema, string title)
    {
        var titled = new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema", ["title"] = title };
        foreach (var (name, value) in schema)
        {
            titled[name] = value?.DeepClone();
        }
        return titled;
    }

    private static string Text(JsonObject document) => document.ToJsonString(Indented) + "\n";
}
