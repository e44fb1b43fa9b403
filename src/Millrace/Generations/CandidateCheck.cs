namespace Millrace;

/// <summary>Whether what was recorded can be run through a candidate's code.</summary>
internal static class CandidateCheck
{
    public static IReadOnlyList<string> Problems(Application application, Topology candidate)
    {
        if (candidate.Name != application.Topology.Name)
        {
            return [$"The candidate is the topology \"{candidate.Name}\", and \"{application.Topology.Name}\" runs here."];
        }
        if (TopologyCheck.Problems(candidate) is { Count: > 0 } problems)
        {
            return [.. problems.Select(problem => $"The candidate: {problem}")];
        }
        var before = Decisions(application);
        var now = Decisions(new Application(candidate, application.Partitions));
        var captured = before.Aggregates.SelectMany(aggregate => aggregate.Tables).Select(table => table.Table).ToHashSet();
        return
        [
            .. FingerprintComparison.Changes(before, now).Select(problem => $"The candidate: {problem}"),
            .. now
                .Aggregates.Where(aggregate => before.Aggregates.All(was => was.Name != aggregate.Name))
                .Select(aggregate =>
                    $"The candidate has the aggregate \"{aggregate.Name}\", of which no command is recorded: deploy it with the application."
                ),
            .. now
                .Aggregates.SelectMany(aggregate => aggregate.Tables)
                .Where(table => !captured.Contains(table.Table))
                .Select(table =>
                    $"The candidate maps {table.Table}, which the application does not capture: map it there first (without a decision), so that its rows are recorded."
                ),
        ];
    }

    /// <summary>Events that a candidate may publish and those who read the application's events have never heard of.</summary>
    public static IReadOnlyList<string> UnknownEvents(Application application, Topology candidate) =>
        [
            .. Decisions(new Application(candidate, application.Partitions))
                .Aggregates.SelectMany(aggregate =>
                    aggregate
                        .Events.Except(Decisions(application).Aggregates.FirstOrDefault(was => was.Name == aggregate.Name)?.Events ?? [])
                        .Select(name => $"{aggregate.Name}: {name}")
                ),
        ];

    // Views and reactions are the running application's; they read the events of whichever generation is live.
    private static Fingerprint Decisions(Application application) => Fingerprint.Of(application, []) with { Views = [], Reactions = [] };
}
