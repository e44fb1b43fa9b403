using Millrace.Engines;

namespace Millrace;

/// <summary>Everything below the event log: which topics and groups there are, and what can be asked of them.</summary>
internal static class Downstream
{
    /// <summary>The topics that views and reactions need beside the event logs.</summary>
    public static IEnumerable<Topic> Topics(Application application)
    {
        foreach (var view in application.Topology.Views)
        {
            if (!view.IsPerEntity)
            {
                yield return application.Feed(view);
            }
        }
        foreach (var reaction in application.Topology.Reactions)
        {
            if (reaction.KeyedByType is not null)
            {
                yield return application.Feed(reaction);
            }
            yield return application.Intents(reaction);
        }
    }

    /// <summary>The groups to run, in the order in which data goes through them.</summary>
    public static IEnumerable<ProcessorGroup> Groups(Application application, DownstreamServices services)
    {
        foreach (var view in application.Topology.Views)
        {
            var input = application.Events(view.Aggregate);
            if (!view.IsPerEntity)
            {
                yield return Group(
                    services,
                    application.RouteGroup(view.Name),
                    input,
                    partition => view.CreateRouter(application, services, partition)
                );
                input = application.Feed(view);
            }
            yield return Group(
                services,
                application.ViewGroup(view),
                input,
                partition => view.CreateProcessor(application, services, partition)
            );
        }
        foreach (var reaction in application.Topology.Reactions)
        {
            var input = application.Events(reaction.Aggregate);
            if (reaction.KeyedByType is not null)
            {
                yield return Group(
                    services,
                    application.RouteGroup(reaction.Name),
                    input,
                    partition => reaction.CreateRouter(application, services, partition)
                );
                input = application.Feed(reaction);
            }
            yield return Group(
                services,
                application.ReactionGroup(reaction),
                input,
                partition => new ReactionProcessor(reaction, application, services, partition)
            );
        }
    }

    /// <summary>The reader of a view, an <see cref="IView{TDocument}"/> of its document's type.</summary>
    public static object Reader(View view, Application application, DownstreamServices services) =>
        view.Visit(new MakeReader(application, services));

    /// <summary>The reader of the view with a document type.</summary>
    /// <exception cref="InvalidOperationException">No view has such documents.</exception>
    public static IView<TDocument> Reader<TDocument>(Application application, DownstreamServices services)
        where TDocument : class =>
        (IView<TDocument>)
            Reader(
                application.Topology.Views.FirstOrDefault(view => view.DocumentType == typeof(TDocument))
                    ?? throw new InvalidOperationException(
                        $"The topology \"{application.Topology.Name}\" has no view of {typeof(TDocument).Name}."
                    ),
                application,
                services
            );

    /// <summary>Everything parked below the event logs: keys of views, reactions and routers.</summary>
    public static IEnumerable<HeldEntityInfo> Parked(Application application, DownstreamServices services) =>
        Keyed(application)
            .SelectMany(stage =>
                Enumerable
                    .Range(0, application.Partitions)
                    .SelectMany(partition => ParkedKeys.List(services.Engine.OpenState(stage.Group, partition), stage.Name))
            );

    /// <summary>Has a parked key tried again, with everything that waits behind.</summary>
    /// <param name="application">The application.</param>
    /// <param name="services">What is shared.</param>
    /// <param name="name">The view or reaction.</param>
    /// <param name="key">The parked key (of a router: the entity).</param>
    /// <returns>False where no such key is parked.</returns>
    public static bool Retry(Application application, DownstreamServices services, string name, string key) =>
        Operate(application, services, name, new OperatorRequest(key, null));

    /// <summary>Leaves out the event that a key is parked at and goes on behind it.</summary>
    /// <inheritdoc cref="Retry"/>
    public static bool Skip(Application application, DownstreamServices services, string name, string key, string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        return Operate(application, services, name, new OperatorRequest(key, reason));
    }

    private static bool Operate(Application application, DownstreamServices services, string name, OperatorRequest request)
    {
        var found = false;
        foreach (var (_, group) in Keyed(application).Where(stage => stage.Name == name))
        {
            for (var partition = 0; partition < application.Partitions; partition++)
            {
                if (ParkedKeys.List(services.Engine.OpenState(group, partition), name).Any(parked => parked.Entity == request.Key))
                {
                    services.Requests.Add(group, partition, request);
                    found = true;
                }
            }
        }
        if (found && request.SkipReason is { } reason)
        {
            DownstreamLog.Skipped(services.Logger, name, request.Key, reason);
        }
        return found;
    }

    private static IEnumerable<(string Name, string Group)> Keyed(Application application)
    {
        foreach (var view in application.Topology.Views)
        {
            if (!view.IsPerEntity)
            {
                yield return (view.Name, application.RouteGroup(view.Name));
            }
            yield return (view.Name, application.ViewGroup(view));
        }
        foreach (var reaction in application.Topology.Reactions)
        {
            if (reaction.KeyedByType is not null)
            {
                yield return (reaction.Name, application.RouteGroup(reaction.Name));
            }
            yield return (reaction.Name, application.ReactionGroup(reaction));
        }
    }

    private static ProcessorGroup Group(DownstreamServices services, string name, Topic input, Func<int, IProcessor> create) =>
        new()
        {
            Name = name,
            Inputs = [input],
            Create = create,
            Faulted = (partition, e) => services.Faulted(name, partition, e),
        };

    private sealed class MakeReader(Application application, DownstreamServices services) : IViewVisitor<object>
    {
        public object Visit<TDocument>(View<TDocument> view)
            where TDocument : class => new ViewReader<TDocument>(view, application, services.Engine, services.Hub(view));
    }
}
