using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Millrace;

/// <summary>Every kind of intent of a topology, by type and by durable name, and the commands that reactions may send.</summary>
internal sealed class IntentCatalog
{
    /// <summary>The durable name of a command on its way; no user's name can have a dot.</summary>
    public const string SendName = "millrace.send";

    private readonly Topology _topology;
    private readonly Dictionary<Type, BoundIntent> _byType = [];
    private readonly Dictionary<string, BoundIntent> _byName = new(StringComparer.Ordinal);
    private readonly List<(Type Type, AggregateDefinition Aggregate, JsonTypeInfo Json)> _commands = [];

    public IntentCatalog(Topology topology)
    {
        _topology = topology;
        foreach (var kind in topology.Intents)
        {
            var bound = kind.Bind(topology);
            _byType.Add(kind.Type, bound);
            _byName.Add(kind.Name, bound);
        }
        foreach (var aggregate in topology.Aggregates)
        {
            foreach (var type in aggregate.CommandTypes)
            {
                _commands.Add((type, aggregate, topology.JsonType(type)!));
            }
        }
    }

    public static byte[] Utf8SendName { get; } = System.Text.Encoding.UTF8.GetBytes(SendName);

    public BoundIntent? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Reads a command that <see cref="WriteCommand"/> wrote.</summary>
    /// <exception cref="InvalidOperationException">The topology does not have it any more.</exception>
    public (AggregateDefinition Aggregate, object Command) ReadCommand(SendCommand send)
    {
        var name = send.Command.EnumerateObject().FirstOrDefault().Value.ToString();
        foreach (var (_, aggregate, json) in _commands)
        {
            if (aggregate.Name == send.Aggregate && CommandNames.Of(json).Contains(name))
            {
                return (aggregate, send.Command.Deserialize(json)!);
            }
        }
        throw new InvalidOperationException($"The aggregate \"{send.Aggregate}\" takes no command \"{name}\".");
    }

    /// <summary>Writes an intent.</summary>
    /// <returns>Its durable name.</returns>
    /// <exception cref="InvalidOperationException">The topology does not name the type.</exception>
    public byte[] Write(IIntent intent, Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(intent);
        if (!_byType.TryGetValue(intent.GetType(), out var bound))
        {
            throw new InvalidOperationException(
                $"The intent {intent.GetType().Name} has no durable name: add .Intent<{intent.GetType().Name}>(\"durable-name\") to the topology."
            );
        }
        bound.Write(intent, writer);
        return bound.Utf8Name;
    }

    /// <summary>Writes a command that a reaction sends.</summary>
    /// <exception cref="InvalidOperationException">No aggregate of the topology takes it.</exception>
    public void WriteCommand(string id, object command, Utf8JsonWriter writer)
    {
        foreach (var (type, aggregate, json) in _commands)
        {
            if (type.IsInstanceOfType(command))
            {
                writer.WriteStartObject();
                writer.WriteString("aggregate"u8, aggregate.Name);
                writer.WriteString("id"u8, id);
                writer.WritePropertyName("command"u8);
                JsonSerializer.Serialize(writer, command, json);
                writer.WriteEndObject();
                return;
            }
        }
        throw new InvalidOperationException(
            $"No aggregate of the topology \"{_topology.Name}\" takes the command {command.GetType().Name}: add .OnCommand<…>(Decide) to the one that should."
        );
    }
}

/// <summary>A command on its way from a reaction to an entity.</summary>
internal sealed record SendCommand(string Aggregate, string Id, JsonElement Command);
