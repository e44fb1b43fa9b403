using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Millrace;

/// <summary>How everything stands, and what there is: the page computes rates and trends from what it saw before.</summary>
internal static class StatusApi
{
    public static void Map(RouteGroupBuilder group) =>
        group.MapGet(
            "/api/status",
            (MillraceService service, Topology topology) =>
                service.Status is { } status
                    ? Results.Json(new StatusAnswer(Describe(topology), status), DashboardJson.Default.StatusAnswer)
                    : Results.Json(
                        new Failure("The application has not started."),
                        DashboardJson.Default.Failure,
                        statusCode: StatusCodes.Status503ServiceUnavailable
                    )
        );

    private static TopologyAnswer Describe(Topology topology) =>
        new(
            topology.Name,
            [
                .. topology.Aggregates.Select(aggregate => new AggregateAnswer(
                    aggregate.Name,
                    [.. aggregate.Tables.Select(table => table.Table)],
                    [.. aggregate.References.Select(table => table.Table)],
                    [.. aggregate.CommandTypes.SelectMany(type => Names(topology, type))],
                    [.. Names(topology, aggregate.EventType)]
                )),
            ],
            [.. topology.Views.Select(view => new ViewAnswer(view.Name, view.Aggregate.Name, view.IsPerEntity, view.IndexNames))],
            [
                .. topology.Reactions.Select(reaction => new ReactionAnswer(
                    reaction.Name,
                    reaction.Aggregate.Name,
                    reaction.KeyedByType is null,
                    reaction.Shape
                )),
            ]
        );

    private static IEnumerable<string> Names(Topology topology, Type type) =>
        TopologyCheck.DerivedTypes(topology, type).Select(derived => derived.TypeDiscriminator as string ?? derived.DerivedType.Name);
}

internal sealed record StatusAnswer(TopologyAnswer Topology, RuntimeStatus Status);

internal sealed record TopologyAnswer(
    string Name,
    IReadOnlyList<AggregateAnswer> Aggregates,
    IReadOnlyList<ViewAnswer> Views,
    IReadOnlyList<ReactionAnswer> Reactions
);

internal sealed record AggregateAnswer(
    string Name,
    IReadOnlyList<string> Tables,
    IReadOnlyList<string> References,
    IReadOnlyList<string> Commands,
    IReadOnlyList<string> Events
);

internal sealed record ViewAnswer(string Name, string Aggregate, bool PerEntity, IReadOnlyList<string> Indexes);

internal sealed record ReactionAnswer(string Name, string Aggregate, bool PerEntity, string Shape);
