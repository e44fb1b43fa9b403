using System.Reflection;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Millrace;

/// <summary>
/// Finds what is wrong with a topology before anything runs: everything at once, so that a person mends it in one go. What it lets through
/// the runtime need not check again.
/// </summary>
internal static class TopologyCheck
{
    /// <summary>Everything that is wrong, each with what mends it; empty when nothing is.</summary>
    public static IReadOnlyList<string> Problems(Topology topology)
    {
        var problems = new List<string>();
        Names(topology, problems);
        foreach (var aggregate in topology.Aggregates)
        {
            Tables(aggregate, problems);
            Messages(topology, aggregate, problems);
        }
        Tables(topology, problems);
        foreach (var view in topology.Views)
        {
            Known(topology, view.DocumentType, $"The document of the view \"{view.Name}\"", problems);
            foreach (var index in view.UnorderedIndexes)
            {
                problems.Add(
                    $"The index \"{index}\" of the view \"{view.Name}\" has a key without an order in bytes: use an integer, string, bool, decimal, double, DateTimeOffset, DateTime, DateOnly, TimeSpan, Guid, an enum, or a value tuple of these."
                );
            }
        }
        foreach (var reaction in topology.Reactions)
        {
            if (reaction.StateType is { } state)
            {
                Known(topology, state, $"The state of the reaction \"{reaction.Name}\"", problems);
            }
            if (reaction.SettingsType is { } settings)
            {
                Known(topology, settings, $"The settings of the reaction \"{reaction.Name}\"", problems);
            }
        }
        Personal(topology, problems);
        foreach (var intent in topology.Intents)
        {
            Known(topology, intent.Type, $"The intent \"{intent.Name}\"", problems);
        }
        return [.. problems.Distinct()];
    }

    /// <summary>Refuses a topology with anything wrong.</summary>
    /// <exception cref="MillraceStartException">Something is wrong; all of it is listed.</exception>
    public static void Require(Topology topology)
    {
        if (Problems(topology) is { Count: > 0 } problems)
        {
            throw new MillraceStartException(topology.Name, problems);
        }
    }

    /// <summary>What is made of personal data must be found again when it is to be erased.</summary>
    private static void Personal(Topology topology, List<string> problems)
    {
        foreach (var view in topology.Views.Where(view => view.Aggregate.IsPersonal && !view.CanErase))
        {
            problems.Add(
                $"The view \"{view.Name}\" has keys of its own and is of the personal aggregate \"{view.Aggregate.Name}\": say with .Erase(…) what is left of a document when an entity is erased, or make it .PerEntity()."
            );
        }
        foreach (
            var reaction in topology.Reactions.Where(reaction =>
                reaction is { Aggregate.IsPersonal: true, KeyedByType: not null, StateType: not null }
            )
        )
        {
            problems.Add(
                $"The reaction \"{reaction.Name}\" keeps a state under keys of its own and is of the personal aggregate \"{reaction.Aggregate.Name}\": what the state has of an entity could not be erased. Make it .PerEntity(), or count in a window."
            );
        }
    }

    private static void Names(Topology topology, List<string> problems)
    {
        if (topology.Aggregates.IsEmpty)
        {
            problems.Add("The topology has no aggregate: add one with Topology.Add.");
        }
        foreach (var name in Twice(topology.Aggregates.Select(aggregate => aggregate.Name)))
        {
            problems.Add($"Two aggregates are named \"{name}\": give one another name.");
        }
        // Views and reactions share their names: feeds and routers are named after them.
        foreach (var name in Twice([.. topology.Views.Select(view => view.Name), .. topology.Reactions.Select(reaction => reaction.Name)]))
        {
            problems.Add($"Two views or reactions are named \"{name}\": give one another name.");
        }
        foreach (var name in Twice(topology.Intents.Select(intent => intent.Name)))
        {
            problems.Add($"Two intents are named \"{name}\": give one another name (\"alert\" and \"webhook\" are taken).");
        }
        foreach (var type in Twice(topology.Intents.Select(intent => intent.Type)))
        {
            problems.Add($"The intent {Display(type)} is named twice: keep one Topology.Intent for it.");
        }
        foreach (var type in Twice(topology.Aggregates.Select(aggregate => aggregate.EventType)))
        {
            problems.Add(
                $"Two aggregates publish {Display(type)}: give each an event type of its own, so that it is known whose events and commands they are."
            );
        }
        foreach (var type in Twice(topology.Views.Select(view => view.DocumentType)))
        {
            problems.Add(
                $"Two views have the document {Display(type)}: give each a type of its own, so that IView<{type.Name}> says which is meant."
            );
        }
        foreach (var (name, aggregate) in topology.Views.Select(view => (view.Name, view.Aggregate)))
        {
            Within(topology, "view", name, aggregate, problems);
        }
        foreach (var (name, aggregate) in topology.Reactions.Select(reaction => (reaction.Name, reaction.Aggregate)))
        {
            Within(topology, "reaction", name, aggregate, problems);
        }
    }

    private static void Within(Topology topology, string what, string name, AggregateDefinition aggregate, List<string> problems)
    {
        if (!topology.Aggregates.Any(known => known.Name == aggregate.Name && known.EventType == aggregate.EventType))
        {
            problems.Add($"The {what} \"{name}\" is of the aggregate \"{aggregate.Name}\", which the topology does not have: add it too.");
        }
    }

    private static void Tables(AggregateDefinition aggregate, List<string> problems)
    {
        foreach (var table in aggregate.Tables.Concat(aggregate.References))
        {
            if (table.Key.Count == 0)
            {
                problems.Add($"{table.Record} ({table.Table}) has no key: put [Key] on each column of its primary key.");
            }
        }
        foreach (var child in aggregate.Tables.Skip(1))
        {
            if (child.Parent is not { } parent)
            {
                problems.Add(
                    $"{child.Record} ({child.Table}) is mirrored by the aggregate \"{aggregate.Name}\" but is nobody's child: put [ChildOf<{aggregate.Root.Record}>] on its foreign key."
                );
            }
            else if (parent.Definition.Table != aggregate.Root.Table)
            {
                problems.Add(
                    $"{child.Record} ({child.Table}) is a child of {parent.Definition.Table}, not of {aggregate.Root.Table}, the root of the aggregate \"{aggregate.Name}\". Grandchildren are not built yet: leave it out, or make {parent.Definition.Table} the root of an aggregate of its own."
                );
            }
            else if (parent.Columns.Count != aggregate.Root.Key.Count)
            {
                problems.Add(
                    $"{child.Record} ({child.Table}) names {parent.Columns.Count} column(s) of its parent's key, which has {aggregate.Root.Key.Count}: put [ChildOf<{aggregate.Root.Record}>] on each, in the key's order."
                );
            }
        }
    }

    // A table is captured once, so its records must agree about its key.
    private static void Tables(Topology topology, List<string> problems)
    {
        var tables = topology
            .Aggregates.SelectMany(aggregate => aggregate.Tables.Concat(aggregate.References))
            .GroupBy(table => table.Table);
        foreach (var table in tables)
        {
            if (table.DistinctBy(definition => string.Join('\n', definition.Key)).Count() > 1)
            {
                problems.Add(
                    $"The records of the table {table.Key} disagree about its key ({string.Join(" and ", table.Select(d => $"{d.Record}: {string.Join(", ", d.Key)}").Distinct())}): give them the table's primary key."
                );
            }
        }
    }

    private static void Messages(Topology topology, AggregateDefinition aggregate, List<string> problems)
    {
        Known(topology, aggregate.StateType, $"The state of the aggregate \"{aggregate.Name}\"", problems);
        Discriminated(topology, aggregate.EventType, $"The event type of the aggregate \"{aggregate.Name}\"", problems);
        var commands = new List<string>();
        foreach (var type in aggregate.CommandTypes)
        {
            commands.AddRange(Discriminated(topology, type, $"A command type of the aggregate \"{aggregate.Name}\"", problems));
        }
        foreach (var name in Twice(commands))
        {
            problems.Add($"Two command types of the aggregate \"{aggregate.Name}\" have the discriminator \"{name}\": give one another.");
        }
    }

    private static List<string> Discriminated(Topology topology, Type type, string what, List<string> problems)
    {
        // Read off the attributes: of a duplicate the serializer says less, and says it by throwing.
        var derived = type.GetCustomAttributes<JsonDerivedTypeAttribute>(inherit: false).ToList();
        if (derived.Count == 0)
        {
            if (Known(topology, type, what, problems))
            {
                problems.Add(
                    $"{what}, {Display(type)}, names none of its types: put [JsonDerivedType(typeof(…), \"durable-name\")] on it for each."
                );
            }
            return [];
        }
        var names = new List<string>();
        foreach (var one in derived)
        {
            if (one.TypeDiscriminator is not string name)
            {
                problems.Add(
                    $"{Display(one.DerivedType)} has {(one.TypeDiscriminator is null ? "no discriminator" : "a number as its discriminator")}: give its [JsonDerivedType] a string, its durable name."
                );
            }
            else if (name.StartsWith("millrace.", StringComparison.Ordinal))
            {
                problems.Add(
                    $"{Display(one.DerivedType)} has the discriminator \"{name}\": names that begin with \"millrace.\" are the runtime's."
                );
            }
            else
            {
                names.Add(name);
            }
        }
        var twice = Twice(names).ToList();
        foreach (var name in twice)
        {
            problems.Add($"{what}, {Display(type)}, has the discriminator \"{name}\" twice: a durable name is one type's.");
        }
        if (twice.Count == 0)
        {
            Known(topology, type, what, problems);
        }
        // A closed hierarchy is nested in its base or beside it; a member without a name would be written without its type.
        foreach (var nested in type.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic))
        {
            if (nested is { IsAbstract: false } && type.IsAssignableFrom(nested) && !derived.Any(known => known.DerivedType == nested))
            {
                problems.Add(
                    $"{Display(nested)} has no durable name: put [JsonDerivedType(typeof({nested.Name}), \"durable-name\")] on {type.Name}."
                );
            }
        }
        return names;
    }

    private static bool Known(Topology topology, Type type, string what, List<string> problems)
    {
        try
        {
            if (topology.JsonType(type) is not null)
            {
                return true;
            }
        }
        catch (Exception e) when (e is InvalidOperationException or NotSupportedException)
        {
            problems.Add($"{what}, {Display(type)}, cannot be JSON as it is declared: {e.Message}");
            return false;
        }
        problems.Add(
            $"{what}, {Display(type)}, is not known to the JSON context: add [JsonSerializable(typeof({type.Name}))] to a context given to Topology.Json."
        );
        return false;
    }

    /// <summary>The types of a closed hierarchy with their durable names.</summary>
    public static IList<JsonDerivedType> DerivedTypes(Topology topology, Type type) =>
        topology.JsonType(type)?.PolymorphismOptions?.DerivedTypes ?? [];

    private static IEnumerable<T> Twice<T>(IEnumerable<T> values) =>
        values.GroupBy(value => value).Where(group => group.Skip(1).Any()).Select(group => group.Key);

    private static string Display(Type type) => type.DeclaringType is { } outer ? $"{outer.Name}.{type.Name}" : type.Name;
}
