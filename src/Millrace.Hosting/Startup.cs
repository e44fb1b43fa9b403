using Microsoft.Extensions.DependencyInjection;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <summary>
/// Checks everything a start needs before anything runs, and lists what is wrong together: topology, options, settings, executors, engine,
/// sources, and what changed since the last start.
/// </summary>
internal sealed class Startup(Topology topology, SettingsReader settings, IServiceProvider services, IServiceProviderIsService registered)
{
    private IReadOnlyDictionary<Type, object> _settings = new Dictionary<Type, object>();
    private Task? _prepared;

    /// <summary>The settings, once prepared.</summary>
    public IReadOnlyDictionary<Type, object> Settings => _settings;

    /// <summary>Checks once, however often it is called.</summary>
    /// <exception cref="MillraceStartException">Something stands in the way; all of it is listed.</exception>
    public Task PrepareAsync(CancellationToken cancellation) => _prepared ??= CheckAsync(cancellation);

    private async Task CheckAsync(CancellationToken cancellation)
    {
        var problems = new List<string>(TopologyCheck.Problems(topology));
        Options(problems);
        BindSettings(problems);
        Executors(problems);
        var engine = Resolve(services.GetService<IEngine>, "engine", problems);
        var sources = Resolve(() => services.GetServices<ISource>().ToList(), "source", problems);
        if (engine is null && !registered.IsService(typeof(IEngine)))
        {
            problems.Add("There is no engine: call UseEmbedded() or UseKafka() on what AddMillrace returns.");
        }
        if (sources is { Count: 0 })
        {
            problems.Add("There is no source: call UseMySql(\"connection-name\") on what AddMillrace returns.");
        }
        if (sources is { Count: > 1 })
        {
            // A partition keeps one source position, so that of two sources each would take the other's changes for ones it has had.
            problems.Add(
                $"There are {sources.Count} sources ({string.Join(", ", sources.Select(source => source.Name))}), and an application has one: run one application for each database."
            );
        }
        if (problems.Count == 0 && Resolve(services.GetRequiredService<Runtime>, "application", problems) is { } runtime)
        {
            try
            {
                runtime.Generations.Candidate = services.GetRequiredService<Candidates>().Find();
            }
            catch (ReplayException e)
            {
                problems.AddRange(e.Problems);
            }
            await SourcesAsync(sources!, runtime.Captures[0].Tables, problems, cancellation);
            try
            {
                problems.AddRange(
                    await Fingerprint.CheckAsync(runtime.Engine, runtime.Application, sources!.Select(source => source.Name), cancellation)
                );
            }
            catch (EngineException e)
            {
                problems.Add(e.Message);
            }
        }
        if (problems.Count > 0)
        {
            throw new MillraceStartException(topology.Name, problems);
        }
    }

    private static async Task SourcesAsync(
        IReadOnlyList<ISource> sources,
        IReadOnlyList<CapturedTable> tables,
        List<string> problems,
        CancellationToken cancellation
    )
    {
        foreach (var source in sources)
        {
            try
            {
                problems.AddRange(await source.CheckAsync(tables, cancellation));
            }
            catch (SourceException e)
            {
                problems.Add(e.Message);
            }
        }
    }

    private void Options(List<string> problems)
    {
        MillraceOptions? options = null;
        try
        {
            options = services.GetRequiredService<MillraceOptions>();
            services.GetRequiredService<MillraceHealthOptions>();
        }
        catch (InvalidOperationException e)
        {
            problems.Add($"The configuration section \"{MillraceHostBuilderExtensions.Section}\" cannot be read: {Reason(e)}");
        }
        options ??= new MillraceOptions();
        if (options.Partitions is < 1 or > Slots.Count)
        {
            problems.Add($"Millrace:Partitions is {options.Partitions}: it must be from 1 to {Slots.Count}.");
        }
        if (options.CachedEntities < 1)
        {
            problems.Add($"Millrace:CachedEntities is {options.CachedEntities}: it must be at least 1.");
        }
        if (options.IntentTries < 1)
        {
            problems.Add($"Millrace:IntentTries is {options.IntentTries}: it must be at least 1.");
        }
    }

    private void BindSettings(List<string> problems)
    {
        _settings = settings.Read(problems);
        foreach (var reaction in topology.Reactions)
        {
            if (reaction.SettingsType is { } type && !settings.Has(type))
            {
                problems.Add(
                    $"The reaction \"{reaction.Name}\" reads the settings {type.Name}: call UseSettings<{type.Name}>(\"Millrace:{type.Name}\") on what AddMillrace returns."
                );
            }
        }
    }

    private void Executors(List<string> problems)
    {
        foreach (var intent in topology.Intents)
        {
            if (!registered.IsService(typeof(IExecutor<>).MakeGenericType(intent.Type)))
            {
                problems.Add(
                    $"Nobody carries out the intent \"{intent.Name}\": call AddExecutor<{intent.Type.Name}, …>() on what AddMillrace returns."
                );
            }
        }
    }

    private static T? Resolve<T>(Func<T?> resolve, string what, List<string> problems)
        where T : class
    {
        try
        {
            return resolve();
        }
        catch (Exception e) when (e is EngineException or SourceException or MillraceStartException)
        {
            problems.Add(e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            problems.Add($"The {what} cannot be used: {Reason(e)}");
        }
        return null;
    }

    /// <summary>What was wrong, with what it was about.</summary>
    public static string Reason(Exception e) => e.InnerException is { } inner ? $"{e.Message} {inner.Message}" : e.Message;
}
