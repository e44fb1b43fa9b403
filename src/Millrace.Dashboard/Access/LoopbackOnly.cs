using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Millrace;

/// <summary>
/// The pages show what the rows say and let one skip commands, so they are for operators. Where nobody has said who these are, they answer this machine
/// alone: a host that listens beyond it does not start, and a request from elsewhere is refused.
/// </summary>
internal sealed class LoopbackOnly(IServiceProvider services) : IEndpointFilter
{
    private const string Remedy =
        "Say who may see them, app.MapMillrace(\"/millrace\").RequireAuthorization(\"operators\"), or listen on this machine alone (--urls http://127.0.0.1:5000).";

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        return IsAuthorized(http.GetEndpoint()!.Metadata, services) || IsLocal(http)
            ? await next(context)
            : Results.Text("Millrace's pages answer this machine alone. " + Remedy, statusCode: StatusCodes.Status403Forbidden);
    }

    /// <exception cref="MillraceStartException">The host listens beyond loopback and nobody has said who may see the pages.</exception>
    public static Task CheckAsync(IServiceProvider services, IEndpointRouteBuilder endpoints, Mounted mounted)
    {
        var open = endpoints
            .DataSources.SelectMany(source => source.Endpoints)
            .Where(endpoint => endpoint.Metadata.GetMetadata<Mounted>() == mounted)
            .Any(endpoint => !IsAuthorized(endpoint.Metadata, services));
        var addresses = services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        if (open && addresses.Where(address => !IsLoopback(address)).ToList() is { Count: > 0 } beyond)
        {
            throw new MillraceStartException(
                services.GetRequiredService<Topology>().Name,
                [$"Millrace's pages would be open to everybody who reaches {string.Join(", ", beyond)}. {Remedy}"]
            );
        }
        return Task.CompletedTask;
    }

    private static bool IsAuthorized(EndpointMetadataCollection metadata, IServiceProvider services) =>
        metadata.GetMetadata<IAllowAnonymous>() is null
        && (
            metadata.GetMetadata<IAuthorizeData>() is not null
            || metadata.GetMetadata<AuthorizationPolicy>() is not null
            || services.GetService<IOptions<AuthorizationOptions>>()?.Value.FallbackPolicy is not null
        );

    private static bool IsLocal(HttpContext http)
    {
        // A proxy on this machine makes everybody look local; a page elsewhere whose name was made to point here has its own Host.
        var headers = http.Request.Headers;
        return (http.Connection.RemoteIpAddress is not { } remote || IPAddress.IsLoopback(remote))
            && !headers.ContainsKey("X-Forwarded-For")
            && !headers.ContainsKey("Forwarded")
            && IsLoopbackHost(http.Request.Host.Host);
    }

    private static bool IsLoopback(string address) =>
        address.StartsWith("http://unix:", StringComparison.OrdinalIgnoreCase)
        || address.StartsWith("http://pipe:", StringComparison.OrdinalIgnoreCase)
        || (Uri.TryCreate(address, UriKind.Absolute, out var uri) && IsLoopbackHost(uri.Host));

    private static bool IsLoopbackHost(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
