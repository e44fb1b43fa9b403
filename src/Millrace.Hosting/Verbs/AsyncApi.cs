using System.Text.Json.Nodes;

namespace Millrace;

/// <summary>
/// The topics that others may read or write, as an AsyncAPI 3.0 document: event topics are sent, native commands received, view feeds and the
/// runtime's own topics are nobody else's business. Headers are those of the CloudEvents Kafka binding.
/// </summary>
internal static class AsyncApi
{
    public static JsonObject Document(Application application)
    {
        var topology = application.Topology;
        var channels = new JsonObject();
        var operations = new JsonObject();
        var messages = new JsonObject();
        foreach (var aggregate in topology.Aggregates)
        {
            Channel(
                application.Events(aggregate).Name,
                $"{aggregate.Name}-events",
                "send",
                $"What happened to a {aggregate.Name}.",
                [aggregate.EventType]
            );
            if (aggregate.CommandTypes.Count > 0)
            {
                Channel(
                    application.Commands(aggregate).Name,
                    $"{aggregate.Name}-commands",
                    "receive",
                    $"What is asked of a {aggregate.Name}, and what was captured of its rows.",
                    aggregate.CommandTypes
                );
            }
        }
        return new JsonObject
        {
            ["asyncapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = topology.Name, ["version"] = $"{Application.Generation}" },
            ["defaultContentType"] = "application/json",
            ["channels"] = channels,
            ["operations"] = operations,
            ["components"] = new JsonObject
            {
                ["messages"] = messages,
                ["schemas"] = new JsonObject { ["headers"] = Headers() },
            },
        };

        void Channel(string address, string id, string action, string description, IReadOnlyList<Type> types)
        {
            var references = new JsonObject();
            foreach (var (name, schema) in types.SelectMany(type => SchemaExport.Members(topology, type)))
            {
                messages[name] = new JsonObject
                {
                    ["name"] = name,
                    ["contentType"] = "application/json",
                    ["headers"] = new JsonObject { ["$ref"] = "#/components/schemas/headers" },
                    ["payload"] = schema,
                };
                references[name] = new JsonObject { ["$ref"] = $"#/components/messages/{name}" };
            }
            channels[id] = new JsonObject
            {
                ["address"] = address,
                ["description"] = description + " Keyed by the entity's id; one entity's records are in order.",
                ["messages"] = references,
                ["bindings"] = new JsonObject
                {
                    ["kafka"] = new JsonObject { ["partitions"] = application.Partitions, ["bindingVersion"] = "0.5.0" },
                },
            };
            operations[$"{action}-{id}"] = new JsonObject
            {
                ["action"] = action,
                ["channel"] = new JsonObject { ["$ref"] = $"#/channels/{id}" },
            };
        }
    }

    private static JsonObject Headers()
    {
        var properties = new JsonObject
        {
            ["ce_id"] = Text("The record's identity, the same in every generation."),
            ["ce_type"] = Text("The durable name of the message's type."),
            ["ce_time"] = Text("When it happened; left out where it is the record's time."),
            ["correlationid"] = Text("The source transaction or request that everything began with."),
            ["causationid"] = Text("The id of the record that caused this one."),
            ["sequence"] = Text("The entity's command ordinal."),
        };
        return new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = new JsonArray("ce_id", "ce_type"),
        };

        static JsonObject Text(string description) => new() { ["type"] = "string", ["description"] = description };
    }
}
