using Millrace.Engines;

namespace Millrace;

/// <summary>A topology with its partitions: every topic and group name in one place.</summary>
internal sealed class Application(Topology topology, int partitions)
{
    /// <summary>The generation that is live. Others come with replay.</summary>
    public const int Generation = 1;

    public Topology Topology => topology;
    public int Partitions => partitions;

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
