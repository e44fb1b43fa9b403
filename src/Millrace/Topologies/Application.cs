using Millrace.Engines;

namespace Millrace;

/// <summary>A topology with its partitions: every topic and group name in one place.</summary>
/// <param name="topology">The topology.</param>
/// <param name="partitions">How many partitions each of its logs has. A command log may have got more since, see <see cref="Map"/>.</param>
/// <param name="source">The name of the database its entities are of; empty where it has none.</param>
internal sealed class Application(Topology topology, int partitions, string source = "")
{
    /// <summary>The first generation, after which every log and group is named that readers below the command log know.</summary>
    public const int Generation = 1;

    private volatile PartitionMap _map = PartitionMap.Of(partitions);

    /// <summary>The generation that is live, as far as this process knows: whose state is shown, and whose positions are.</summary>
    public int Live { get; set; } = Generation;

    public Topology Topology => topology;
    public int Partitions => partitions;

    /// <summary>The name of the database its entities are of; empty where it has none.</summary>
    public string Source => source;

    /// <summary>Which partition of a command log has which entities now.</summary>
    public PartitionMap Map
    {
        get => _map;
        set => _map = value;
    }

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

    public Topic Commands(AggregateDefinition aggregate) => new($"{topology.Name}.{aggregate.Name}.commands", Map.Partitions);

    /// <summary>What a partition of the command log that lost entities hands over to the one that has them now; there is none while no partition was added.</summary>
    public Topic Handover(AggregateDefinition aggregate, int generation) =>
        new($"{topology.Name}.{aggregate.Name}.handover.{generation}", Map.Partitions);

    public Topic Events(AggregateDefinition aggregate) => new($"{topology.Name}.{aggregate.Name}.events.{Generation}", partitions);

    public Topic Outcomes(AggregateDefinition aggregate) => new($"{topology.Name}.{aggregate.Name}.outcomes.{Generation}", partitions);

    public Topic Feed(View view) => new($"{topology.Name}.{view.Name}.feed.{Generation}", partitions);

    public Topic Feed(Reaction reaction) => new($"{topology.Name}.{reaction.Name}.feed.{Generation}", partitions);

    public Topic Intents(Reaction reaction) => new($"{topology.Name}.{reaction.Name}.intents", partitions);

    /// <summary>What a generation writes to its own event log, beside the one that everybody reads.</summary>
    public Topic OwnEvents(AggregateDefinition aggregate, int generation) =>
        new($"{topology.Name}.{aggregate.Name}.events.g{generation}", partitions);

    /// <summary>What a generation decided on native commands, told to nobody.</summary>
    public Topic OwnOutcomes(AggregateDefinition aggregate, int generation) =>
        new($"{topology.Name}.{aggregate.Name}.outcomes.g{generation}", partitions);

    /// <summary>The group that decides for the live generation.</summary>
    public string DecideGroup(AggregateDefinition aggregate) => DecideGroup(aggregate, Live);

    /// <summary>The group that decides for a generation; its state is the generation's.</summary>
    public string DecideGroup(AggregateDefinition aggregate, int generation) =>
        $"{topology.Name}.{aggregate.Name}.decide.{(generation == Generation ? "1" : $"g{generation}")}";

    public string CompareGroup(AggregateDefinition aggregate, int generation) => $"{topology.Name}.{aggregate.Name}.compare.g{generation}";

    /// <summary>Each change of the generations, whole: what every process follows.</summary>
    public Topic Generations => new($"{topology.Name}.generations", 1);

    /// <summary>Whose state says which generations there are.</summary>
    public string GenerationsAppender => $"{topology.Name}.generations";

    public string RouteGroup(string viewOrReaction) => $"{topology.Name}.{viewOrReaction}.route.{Generation}";

    public string ViewGroup(View view) => $"{topology.Name}.{view.Name}.view.{Generation}";

    public string ReactionGroup(Reaction reaction) => $"{topology.Name}.{reaction.Name}.reaction.{Generation}";

    public string ExecutorGroup(Reaction reaction) => $"{topology.Name}.{reaction.Name}.executor";
}
