using System.Collections.Immutable;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Millrace;

/// <summary>
/// An application whole: aggregates, views, reactions, and the JSON context of their messages. One value that host, tests and tools share.
/// Each call returns a new topology.
/// </summary>
public sealed class Topology
{
    private Topology(string name) => Name = name;

    private Topology(Topology other)
    {
        Name = other.Name;
        Contexts = other.Contexts;
        Aggregates = other.Aggregates;
        Views = other.Views;
        Reactions = other.Reactions;
        Intents = other.Intents;
    }

    /// <summary>The durable name; topics and groups begin with it.</summary>
    public string Name { get; }

    internal ImmutableArray<JsonSerializerContext> Contexts { get; private init; } = [MillraceJson.Default];
    internal ImmutableArray<AggregateDefinition> Aggregates { get; private init; } = [];
    internal ImmutableArray<View> Views { get; private init; } = [];
    internal ImmutableArray<Reaction> Reactions { get; private init; } = [];
    internal ImmutableArray<IntentType> Intents { get; private init; } =
    [new IntentType<Alert>("alert"), new IntentType<Webhook>("webhook")];

    /// <summary>Begins a topology.</summary>
    /// <param name="name">The durable name: lower case letters, digits and dashes.</param>
    public static Topology Named(string name) => new(Names.Check(name, "topology"));

    /// <summary>The source-generated context that knows the events, commands, states, documents, settings and intents.</summary>
    /// <param name="context">The context; several may be given.</param>
    public Topology Json(JsonSerializerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new(this) { Contexts = Contexts.Add(context) };
    }

    /// <summary>Adds an aggregate.</summary>
    public Topology Add<TEvent>(Aggregate<TEvent> aggregate)
        where TEvent : class
    {
        ArgumentNullException.ThrowIfNull(aggregate);
        return new(this) { Aggregates = Aggregates.Add(aggregate) };
    }

    /// <summary>Adds a view.</summary>
    public Topology Add(View view)
    {
        ArgumentNullException.ThrowIfNull(view);
        return new(this) { Views = Views.Add(view) };
    }

    /// <summary>Adds a reaction.</summary>
    public Topology Add(Reaction reaction)
    {
        ArgumentNullException.ThrowIfNull(reaction);
        return new(this) { Reactions = Reactions.Add(reaction) };
    }

    /// <summary>Names a kind of intent of one's own.</summary>
    /// <typeparam name="TIntent">The intent, a record known to the JSON context.</typeparam>
    /// <param name="name">The durable name: lower case letters, digits and dashes.</param>
    public Topology Intent<TIntent>(string name)
        where TIntent : class, IIntent => new(this) { Intents = Intents.Add(new IntentType<TIntent>(Names.Check(name, "intent"))) };

    /// <summary>The JSON type of a message; a missing one is found at the start, when the topology is checked.</summary>
    internal JsonTypeInfo<T> JsonType<T>() => (JsonTypeInfo<T>)JsonType(typeof(T))!;

    internal JsonTypeInfo? JsonType(Type type)
    {
        foreach (var context in Contexts)
        {
            if (context.GetTypeInfo(type) is { } info)
            {
                return info;
            }
        }
        return null;
    }
}
