using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Parcels;
using Millrace.Sources;

namespace Millrace.Hosting.Tests;

/// <summary>Builds hosts of the post office on the in-memory engine.</summary>
internal static class Hosts
{
    public static HostApplicationBuilder Builder(params string[] arguments)
    {
        var builder = Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { Args = ["--Millrace:Partitions=4", .. arguments] }
        );
        builder.Logging.ClearProviders();
        return builder;
    }

    public static (IHost Host, ToldSource Source) PostOffice(
        InMemoryEngine? engine = null,
        Topology? topology = null,
        params string[] arguments
    )
    {
        var builder = Builder(arguments);
        var source = new ToldSource();
        var millrace = builder.AddMillrace(topology ?? Parcels.PostOffice.Topology).UseSettings<Promises>("Millrace:Promises");
        millrace.Services.AddSingleton<IEngine>(engine ?? new InMemoryEngine());
        millrace.Services.AddSingleton<ISource>(source);
        return (builder.Build(), source);
    }
}
