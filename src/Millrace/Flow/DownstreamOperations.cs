namespace Millrace;

/// <summary>What operators see below the event logs: what is parked, what is armed, and how each stage stands.</summary>
internal sealed class DownstreamOperations(Application application, DownstreamServices services)
{
    /// <summary>Everything parked: keys of views, reactions and routers, and intents.</summary>
    public IEnumerable<HeldEntityInfo> Parked() =>
        Stages()
            .SelectMany(stage =>
                Partitions()
                    .SelectMany(partition =>
                    {
                        var state = services.Engine.OpenState(stage.Group, partition);
                        return stage.HasIntents ? ParkedIntents(state, stage.Name) : ParkedKeys.List(state, stage.Name);
                    })
            );

    /// <summary>The armed timers of a reaction, partition by partition, the first due first.</summary>
    public IEnumerable<TimerInfo> Timers(Reaction reaction) =>
        Partitions()
            .SelectMany(partition => TimerTable.List(services.Engine.OpenState(application.ReactionGroup(reaction), partition)))
            .Select(timer => new TimerInfo(
                reaction.Name,
                System.Text.Encoding.UTF8.GetString(timer.Key),
                System.Text.Encoding.UTF8.GetString(timer.Name),
                Instants.Of(timer.Due),
                IntentWriter.TypeOf(timer)
            ));

    public IReadOnlyList<ViewState> Views() =>
        [
            .. application.Topology.Views.Select(view =>
            {
                var counters = services.Counters.View(view, application.Partitions);
                return new ViewState(view.Name, view.Aggregate.Name)
                {
                    Lag = view.IsPerEntity
                        ? Lag(application.ViewGroup(view), application.Events(view.Aggregate))
                        : Lag(application.RouteGroup(view.Name), application.Events(view.Aggregate))
                            + Lag(application.ViewGroup(view), application.Feed(view)),
                    Documents = counters.Documents.Sum,
                    Applied = counters.Applied,
                    Time = counters.Times.Least,
                };
            }),
        ];

    public IReadOnlyList<ReactionState> Reactions() =>
        [
            .. application.Topology.Reactions.Select(reaction =>
            {
                var counters = services.Counters.Reaction(reaction, application.Partitions);
                return new ReactionState(reaction.Name, reaction.Aggregate.Name)
                {
                    Lag = reaction.KeyedByType is null
                        ? Lag(application.ReactionGroup(reaction), application.Events(reaction.Aggregate))
                        : Lag(application.RouteGroup(reaction.Name), application.Events(reaction.Aggregate))
                            + Lag(application.ReactionGroup(reaction), application.Feed(reaction)),
                    Handled = counters.Handled.Sum,
                    TimersArmed = counters.Armed.Sum,
                    TimersFired = counters.Fired.Sum,
                    Intents = counters.Intents.Sum,
                    Suppressed = counters.Suppressed.Sum,
                    Time = counters.Times.Least,
                };
            }),
        ];

    public IReadOnlyList<ExecutorState> Executors() =>
        [
            .. application.Topology.Reactions.Select(reaction =>
            {
                var counters = services.Counters.Executor(reaction, application.Partitions);
                return new ExecutorState(reaction.Name)
                {
                    Lag = Lag(application.ExecutorGroup(reaction), application.Intents(reaction)) + counters.Pending.Sum,
                    Done = counters.Done,
                    Failed = counters.Failed,
                    Parked = counters.Parked.Sum,
                };
            }),
        ];

    private static IEnumerable<HeldEntityInfo> ParkedIntents(Engines.IStateReader state, string reaction)
    {
        foreach (var (_, parked) in IntentState.List(state, IntentState.Parked))
        {
            var intent = parked.ToIntent();
            yield return new(reaction, intent.Id, true, $"after {parked.Tries} tries: {parked.Reason}", intent.CorrelationId, 0);
        }
    }

    private long Lag(string group, Engines.Topic input) =>
        Partitions().Sum(partition => services.Positions.Lag(group, new Engines.TopicPartition(input, partition)));

    private IEnumerable<int> Partitions() => Enumerable.Range(0, application.Partitions);

    private IEnumerable<(string Name, string Group, bool HasIntents)> Stages()
    {
        foreach (var view in application.Topology.Views)
        {
            if (!view.IsPerEntity)
            {
                yield return (view.Name, application.RouteGroup(view.Name), false);
            }
            yield return (view.Name, application.ViewGroup(view), false);
        }
        foreach (var reaction in application.Topology.Reactions)
        {
            if (reaction.KeyedByType is not null)
            {
                yield return (reaction.Name, application.RouteGroup(reaction.Name), false);
            }
            yield return (reaction.Name, application.ReactionGroup(reaction), false);
            yield return (reaction.Name, application.ExecutorGroup(reaction), true);
        }
    }
}
