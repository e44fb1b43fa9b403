using Millrace.Engines;

namespace Millrace;

/// <summary>A topology with its partitions: every topic and group name in one place.</summary>
/// <param name="topology">The topology.</param>
/// <param name="partitions">How many partitions each of its logs has.</param>
/// <param name="source">The name of the database its entities are of; empty where it has none.</param>
internal sealed class Application(Topology topology, int partitions, string source = "")
{
    /// <summary>The generation that is live. Others come with replay.</summary>
    public const int Generation = 1;

    public Topology Topology => topology;
    public int Partitions => partitions;

    /// <summary>
    /// What publishes an aggregate's events (<c>ce_source</c>): application, database, aggregate. With the entity's id it names an entity among those of all
    /// databases.
    /// </summary>
    public byte[] Publisher(AggregateDefinition aggregate) =>
        System.Text.Encoding.UTF8.GetBytes(
            source.Length == 0
                ? $"/{Uri.EscapeDataString(topology.Name)}/{Uri.EscapeDataString(aggregate.Name)}"
                : $"/{Uri.EscapeDataString(topology.Name)}/{Uri.EscapeDataString(source)}/{Uri.EscapeDataString(aggregate.Name)}"
        );

    public Topic Commands(AggregateDefinition aggregate) => new($"{topology.Name}.{aggregate.Name}.commands", partitions);

    public Topic Events(AggregateDefinition aggregate) => new($"{topology.Name}.{aggregate.Name}.events.{Generation}", partitions);

    public Topic Outcomes(AggregateDefinition aggregate) => new($"{topology.Name}.{aggregate.Name}.outcomes.{Generation}", partitions);

    public Topic Feed(View view) => new($"{topology.Name}.{view.Name}.feed.{Generation}", partitions);

    public Topic Feed(Reaction reaction) => new($"{topology.Name}.{reaction.Name}.feed.{Generation}", partitions);

    public Topic Intents(Reaction reaction) => new($"{topology.Name}.{reaction.Name}.intents", partitions);

    public string DecideGroup(AggregateDefinition aggregate) => $"{topology.Name}.{aggregate.Name}.decide.{Generation}";

    public string RouteGroup(string viewOrReaction) => $"{topology.Name}.{viewOrReaction}.route.{Generation}";

    public string ViewGroup(View view) => $"{topology.Name}.{view.Name}.view.{Generation}";

    public string ReactionGroup(Reaction reaction) => $"{topology.Name}.{reaction.Name}.reaction.{Generation}";

    public string ExecutorGroup(Reaction reaction) => $"{topology.Name}.{reaction.Name}.executor";
}
