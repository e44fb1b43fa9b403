using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Millrace;

/// <summary>Mounts the operator's pages.</summary>
public static class MillraceEndpointExtensions
{
    /// <summary>
    /// Mounts the operator's pages and their HTTP API: <c>app.MapMillrace("/millrace").RequireAuthorization("operators")</c>. Without an authorization
    /// policy they answer this machine alone, and a host that listens beyond it does not start.
    /// </summary>
    /// <param name="endpoints">The application, its host built with <c>AddMillrace</c>.</param>
    /// <param name="prefix">Where to mount them.</param>
    /// <returns>For conventions: <c>RequireAuthorization</c>, <c>RequireHost</c> and so on.</returns>
    /// <exception cref="InvalidOperationException">The host was built without <c>AddMillrace</c>.</exception>
    public static IEndpointConventionBuilder MapMillrace(this IEndpointRouteBuilder endpoints, string prefix = "/millrace")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        var services = endpoints.ServiceProvider;
        var checks =
            services.GetService<StartedChecks>()
            ?? throw new InvalidOperationException("MapMillrace shows what AddMillrace runs: call builder.AddMillrace(topology) first.");
        var mounted = new Mounted();
        checks.Add(_ => LoopbackOnly.CheckAsync(services, endpoints, mounted));

        var group = endpoints.MapGroup(prefix);
        group.WithMetadata(mounted);
        group.AddEndpointFilter(new LoopbackOnly(services));
        group.ExcludeFromDescription();
        StatusApi.Map(group);
        TailApi.Map(group);
        StoryApi.Map(group);
        HeldApi.Map(group);
        ViewsApi.Map(group);
        ReplayApi.Map(group);
        PartitionsApi.Map(group);
        Pages.Map(group, prefix);
        return group;
    }
}

/// <summary>Marks the endpoints of one mount.</summary>
internal sealed class Mounted;
