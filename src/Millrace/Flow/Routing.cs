using Millrace.Engines;

namespace Millrace;

/// <summary>Makes the routers of reactions with keys of their own.</summary>
internal static class Routing
{
    public static IProcessor Of<TEvent>(
        Reaction reaction,
        Func<TEvent, string?> key,
        Application application,
        DownstreamServices services,
        int partition
    )
        where TEvent : class =>
        new Router<TEvent>(
            application.RouteGroup(reaction.Name),
            reaction.Name,
            partition,
            application.Feed(reaction),
            (e, _) => key(e),
            application.Topology.JsonType<TEvent>(),
            services,
            services.Seals?.For(reaction.Aggregate),
            static () => { }
        );
}
