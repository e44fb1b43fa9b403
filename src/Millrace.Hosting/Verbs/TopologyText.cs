using System.Text;

namespace Millrace;

/// <summary>A topology in words: tables -> commands -> events -> views and reactions.</summary>
internal static class TopologyText
{
    public static string Of(Topology topology)
    {
        var text = new StringBuilder();
        text.Append(topology.Name).Append('\n');
        foreach (var aggregate in topology.Aggregates)
        {
            text.Append('\n').Append("aggregate ").Append(aggregate.Name).Append('\n');
            foreach (var table in aggregate.Tables)
            {
                var parent = table.Parent is { } of ? $", child of {of.Definition.Table} by {string.Join(", ", of.Columns)}" : ", root";
                Line(text, "table", $"{table.Table} (key {string.Join(", ", table.Key)}{parent})");
            }
            foreach (var table in aggregate.References)
            {
                Line(text, "reference", $"{table.Table} (key {string.Join(", ", table.Key)})");
            }
            foreach (var name in aggregate.CommandTypes.SelectMany(type => Names(topology, type)))
            {
                Line(text, "command", name);
            }
            foreach (var name in Names(topology, aggregate.EventType))
            {
                Line(text, "event", name);
            }
            foreach (var view in topology.Views.Where(view => view.Aggregate.Name == aggregate.Name))
            {
                var indexes = view.IndexNames.Count > 0 ? $", by {string.Join(", ", view.IndexNames)}" : "";
                Line(text, "view", $"{view.Name} ({(view.IsPerEntity ? "per entity" : "with a key of its own")}{indexes})");
            }
            foreach (var reaction in topology.Reactions.Where(reaction => reaction.Aggregate.Name == aggregate.Name))
            {
                var key = reaction.KeyedByType is { } type
                    ? $"keyed by a value of {NamesOf(topology, aggregate.EventType, type)}"
                    : "per entity";
                Line(
                    text,
                    "reaction",
                    $"{reaction.Name} ({key}, {reaction.Shape}{(reaction.SettingsType is { } s ? $", settings {s.Name}" : "")})"
                );
            }
        }
        return text.ToString();
    }

    private static void Line(StringBuilder text, string what, string value) =>
        text.Append("  ").Append(what.PadRight(10)).Append(' ').Append(value).Append('\n');

    private static IEnumerable<string> Names(Topology topology, Type type) =>
        TopologyCheck.DerivedTypes(topology, type).Select(derived => derived.TypeDiscriminator as string ?? derived.DerivedType.Name);

    // A base type in the middle of the hierarchy stands for all below it.
    private static string NamesOf(Topology topology, Type events, Type type) =>
        string.Join(
            " or ",
            TopologyCheck
                .DerivedTypes(topology, events)
                .Where(derived => type.IsAssignableFrom(derived.DerivedType))
                .Select(derived => derived.TypeDiscriminator as string)
        );
}
