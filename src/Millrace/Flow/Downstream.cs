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
            yield return Group(
                services,
                application.ExecutorGroup(reaction),
                application.Intents(reaction),
                partition => new ExecutorProcessor(reaction, application, services, partition),
                durableInput: true
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

    private static ProcessorGroup Group(
        DownstreamServices services,
        string name,
        Topic input,
        Func<int, IProcessor> create,
        bool durableInput = false
    ) =>
        new()
        {
            Name = name,
            Inputs = [input],
            Create = create,
            DurableInput = durableInput,
            Released = partition => services.Loops.Release(name, partition),
            Faulted = (partition, e) =>
            {
                services.Loops.Of(name, partition).Failed(e);
                services.Faulted(name, partition, e);
            },
        };

    private sealed class MakeReader(Application application, DownstreamServices services) : IViewVisitor<object>
    {
        public object Visit<TDocument>(View<TDocument> view)
            where TDocument : class => new ViewReader<TDocument>(view, application, services.Engine, services.Hub(view));
    }
}
