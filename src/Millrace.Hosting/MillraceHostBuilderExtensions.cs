using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <summary>Puts an application on the generic host.</summary>
public static class MillraceHostBuilderExtensions
{
    /// <summary>The configuration section of <see cref="MillraceOptions"/>.</summary>
    public const string Section = "Millrace";

    /// <summary>
    /// Runs a topology on this host: registers <see cref="ICommands"/>, <see cref="IErasure"/>, an <see cref="IView{TDocument}"/> for each view, the health checks
    /// <c>millrace-ready</c> (tag <c>ready</c>) and <c>millrace-live</c> (tag <c>live</c>), metrics and traces. An engine and a source are added to
    /// what it returns. Everything is checked when the host starts; what stands in the way is listed together.
    /// </summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="topology">The application.</param>
    /// <returns>What engines, sources, settings and executors are added to.</returns>
    /// <exception cref="InvalidOperationException">The host has a topology already.</exception>
    public static MillraceBuilder AddMillrace(this IHostApplicationBuilder builder, Topology topology)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(topology);
        var services = builder.Services;
        if (services.Any(service => service.ServiceType == typeof(Topology)))
        {
            throw new InvalidOperationException(
                "AddMillrace was called twice; a host runs one topology, of as many aggregates as you like."
            );
        }
        var configuration = builder.Configuration;
        services.AddSingleton(topology);
        services.AddSingleton(_ => configuration.GetSection(Section).Get<MillraceOptions>() ?? new MillraceOptions());
        services.AddSingleton(_ =>
            configuration.GetSection($"{Section}:Health").Get<MillraceHealthOptions>() ?? new MillraceHealthOptions()
        );
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SettingsReader>();
        services.AddSingleton<SettingsWatch>();
        services.AddSingleton<Startup>();
        services.AddSingleton<Candidates>();
        services.AddSingleton(provider => new Runtime(
            topology,
            provider.GetRequiredService<MillraceOptions>(),
            provider.GetRequiredService<IEngine>(),
            [.. provider.GetServices<ISource>()],
            provider.GetRequiredService<Startup>().Settings,
            provider,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger("Millrace")
        ));
        services.AddSingleton(provider => provider.GetRequiredService<Runtime>().Commands);
        services.AddSingleton<IErasure>(provider => provider.GetRequiredService<Runtime>());
        foreach (var view in topology.Views)
        {
            view.Visit(new ViewRegistration(services));
        }
        services.TryAddScoped<IExecutor<Alert>, LogAlerts>();
        services.TryAddScoped<IExecutor<Webhook>, Webhooks>();
        services.AddSingleton<StartedChecks>();
        services.AddSingleton<MillraceService>();
        services.AddHostedService(provider => provider.GetRequiredService<MillraceService>());
        services.AddMetrics();
        services.AddSingleton(provider => new Telemetry(
            provider.GetRequiredService<IMeterFactory>(),
            provider.GetRequiredService<Runtime>().Status,
            provider.GetRequiredService<TimeProvider>()
        ));
        services
            .AddHealthChecks()
            .AddCheck<ReadyCheck>("millrace-ready", tags: ["ready"])
            .AddCheck<LiveCheck>("millrace-live", tags: ["live"]);
        return new MillraceBuilder(topology, services, configuration);
    }

    /// <summary>
    /// Takes settings (thresholds) that reactions read from the configuration. They enter the log as a record where they differ from those of before,
    /// when the application starts and when the configuration changes while it runs, so that a replay sees the value of that time.
    /// </summary>
    /// <typeparam name="TSettings">The settings record, known to the topology's JSON context.</typeparam>
    /// <param name="builder">The application.</param>
    /// <param name="section">The configuration section, for example <c>Millrace:Rules</c>.</param>
    public static MillraceBuilder UseSettings<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)] TSettings>(
        this MillraceBuilder builder,
        string section
    )
        where TSettings : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(section);
        builder.Services.AddSingleton(new SettingsBinding(typeof(TSettings), section, from => from.Get<TSettings>()));
        return builder;
    }

    /// <summary>Says who carries out a kind of intent. A new one is made for each intent, in a DI scope of its own.</summary>
    /// <typeparam name="TIntent">The intent.</typeparam>
    /// <typeparam name="TExecutor">Who carries it out.</typeparam>
    /// <param name="builder">The application.</param>
    public static MillraceBuilder AddExecutor<
        TIntent,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TExecutor
    >(this MillraceBuilder builder)
        where TIntent : IIntent
        where TExecutor : class, IExecutor<TIntent>
    {
        ArgumentNullException.ThrowIfNull(builder);
        // The last one wins, so that an application can put its own in the place of the one that only logs.
        builder.Services.RemoveAll<IExecutor<TIntent>>();
        builder.Services.AddScoped<IExecutor<TIntent>, TExecutor>();
        return builder;
    }

    /// <summary>
    /// Gives the application a candidate: a topology whose decisions can be run over the recorded commands beside the live ones (<c>replay start</c>). A build of
    /// its own is given by its path instead: <c>Millrace:Candidate</c>.
    /// </summary>
    /// <param name="builder">The application.</param>
    /// <param name="candidate">The candidate: of the same name, over the same tables.</param>
    public static MillraceBuilder UseCandidate(this MillraceBuilder builder, Topology candidate)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(candidate);
        builder.Services.AddSingleton(new CandidateTopology(candidate));
        return builder;
    }

    private sealed class ViewRegistration(IServiceCollection services) : IViewVisitor<IServiceCollection>
    {
        public IServiceCollection Visit<TDocument>(View<TDocument> view)
            where TDocument : class => services.AddSingleton(provider => provider.GetRequiredService<Runtime>().View<TDocument>());
    }
}

/// <summary>Settings, and where the configuration has them.</summary>
internal sealed record SettingsBinding(Type Type, string Section, Func<IConfigurationSection, object?> Bind);
