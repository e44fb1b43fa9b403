using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Millrace.Engines;

namespace Millrace;

/// <summary>One entity's story: what was committed, what was decided, what followed.</summary>
internal static class StoryApi
{
    private const int DefaultCommands = 50;
    private const int MostCommands = 500;

    public static void Map(RouteGroupBuilder group) =>
        group.MapGet(
            "/api/entity/{aggregate}/{*id}",
            (string aggregate, string id, HttpContext http, IEngine engine, Topology topology, Runtime runtime) =>
            {
                if (topology.Aggregates.FirstOrDefault(known => known.Name == aggregate) is not { } definition)
                {
                    return Results.Json(
                        new Failure($"There is no aggregate \"{aggregate}\"."),
                        DashboardJson.Default.Failure,
                        statusCode: StatusCodes.Status404NotFound
                    );
                }
                var query = http.Request.Query;
                var limit = int.TryParse(query["commands"], out var commands) ? Math.Clamp(commands, 1, MostCommands) : DefaultCommands;
                var story = new StoryReader(engine, runtime.Application, runtime).Read(
                    definition,
                    id,
                    limit,
                    StoryPlace.Read(query["before"])
                );
                return Results.Json(story, DashboardJson.Default.Story);
            }
        );
}

/// <summary>An entity's story, oldest first.</summary>
/// <param name="Aggregate">The aggregate.</param>
/// <param name="Entity">The entity.</param>
/// <param name="Partition">The partition that has it now.</param>
/// <param name="Commands">Its commands, each with what became of it.</param>
/// <param name="Earlier">The command to ask for what was before; null when this is the beginning.</param>
/// <param name="Cut">Whether there was no time left to look further back.</param>
/// <param name="Held">Why it is held; null when it is not.</param>
/// <param name="Timers">The timers armed for it by reactions whose key is the entity.</param>
/// <param name="Views">The views that have a document of it.</param>
/// <param name="Reactions">The reactions that see its events.</param>
internal sealed record Story(
    string Aggregate,
    string Entity,
    int Partition,
    IReadOnlyList<StoryCommand> Commands,
    string? Earlier,
    bool Cut,
    HeldEntityInfo? Held,
    IReadOnlyList<TimerInfo> Timers,
    IReadOnlyList<string> Views,
    IReadOnlyList<string> Reactions
);

/// <summary>A command, and what became of it.</summary>
/// <param name="Record">The command as it stands in the log; its value is left out where it was made of changes.</param>
/// <param name="Native">Whether somebody sent it; else it was made of row changes.</param>
/// <param name="Changes">The row changes.</param>
/// <param name="Rejected">Why it was rejected, if it was.</param>
/// <param name="Pending">Whether it is not decided yet.</param>
/// <param name="Events">What was published.</param>
/// <param name="Intents">What reactions wanted done.</param>
internal sealed record StoryCommand(
    LogEntry Record,
    bool Native,
    IReadOnlyList<StoryChange> Changes,
    string? Rejected,
    bool Pending,
    IReadOnlyList<LogEntry> Events,
    IReadOnlyList<LogEntry> Intents
);

/// <summary>A row change.</summary>
/// <param name="Table">The table.</param>
/// <param name="What">inserted, updated, deleted, joined, left, shown (first seen here, so nothing to compare with), or same.</param>
/// <param name="Key">The row's key.</param>
/// <param name="Columns">The columns that changed, or all of a row not seen before.</param>
/// <param name="Unchanged">How many columns did not change.</param>
internal sealed record StoryChange(string Table, string What, string Key, IReadOnlyList<StoryColumn> Columns, int Unchanged);

/// <summary>A column's value before and after, as JSON; null where there was or is none.</summary>
internal sealed record StoryColumn(string Name, string? Old, string? New);
