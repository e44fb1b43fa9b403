using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Millrace;

/// <summary>
/// What <c>AddMillrace</c> returns. An engine's package adds <c>UseEmbedded()</c> (registers its <c>IEngine</c>), a source's <c>UseMySql(name)</c>
/// (registers an <c>ISource</c>), so that neither knows the other.
/// </summary>
/// <param name="topology">The application.</param>
/// <param name="services">The host's services.</param>
/// <param name="configuration">The host's configuration; Millrace's own section is <c>Millrace</c>.</param>
public sealed class MillraceBuilder(Topology topology, IServiceCollection services, IConfiguration configuration)
{
    /// <summary>The application.</summary>
    public Topology Topology => topology;

    /// <summary>The host's services.</summary>
    public IServiceCollection Services => services;

    /// <summary>The host's configuration; Millrace's own section is <c>Millrace</c>.</summary>
    public IConfiguration Configuration => configuration;
}
