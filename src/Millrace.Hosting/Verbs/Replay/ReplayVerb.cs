using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// <c>replay</c>: runs recorded commands through the code of this executable, on a state of its own, and says what would be different. It reads the live
/// application's data and leaves no trace there.
/// </summary>
internal static class ReplayVerb
{
    private const int CouldNotRun = 2;

    public static async Task<int> RunAsync(IServiceProvider services, string[] args, TextWriter output, TextWriter error)
    {
        try
        {
            TopologyCheck.Require(services.GetRequiredService<Topology>());
            return args switch
            {
                ["diff", .. var rest] => await DiffAsync(services, rest, output, error).ConfigureAwait(false),
                ["record", .. var rest] => await RecordAsync(services, rest, error).ConfigureAwait(false),
                ["test", .. var rest] => await TestAsync(services, rest, output).ConfigureAwait(false),
                ["show", .. var rest] => await ShowAsync(services, rest, output).ConfigureAwait(false),
                _ => throw new ReplayException(
                    $"There is no verb \"replay {string.Join(' ', args)}\": there is replay diff, replay show and replay test."
                ),
            };
        }
        catch (Exception e)
            when (e
                    is ReplayException
                        or EngineException
                        or MillraceStartException
                        or InvalidOperationException
                        or InvalidDataException
                        or FormatException
                        or IOException
                        or UnauthorizedAccessException
                        or JsonException
            )
        {
            await error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return CouldNotRun;
        }
    }

    private static async Task<int> DiffAsync(IServiceProvider services, string[] args, TextWriter output, TextWriter error)
    {
        var options = ReplayOptions.Parse(
            args,
            ["json", "since-code"],
            ["since", "until", "sample", "entity", "accept", "accepted", "from", "show", "threads"],
            services.GetRequiredService<IConfiguration>()
        );
        RequireNoWords(options, "diff");
        var excerpt = options.Text("from") is { } from ? ExcerptReader.Load(from) : null;
        var selection = Selection(options, excerpt?.Head.Since, excerpt?.Head.Until);
        var accepted = options.Text("accepted") is { } path ? ReplayAcceptance.Load(path) : null;
        await using var engine = excerpt ?? Recorded(services).Open();
        var run = Run(services, engine, excerpt is null ? Recorded(services).Scratch : static () => new ScratchState());
        var diff = new ReplayDiff(
            run,
            selection,
            accepted,
            options.Number("show", 1),
            options.Number("threads", Environment.ProcessorCount),
            services.GetRequiredService<SettingsReader>().Read([])
        );
        var result = await diff.RunAsync(CancellationToken.None).ConfigureAwait(false);
        if (options.Text("accept") is { } file)
        {
            ReplayAcceptance.Save(file, result.Tally, accepted);
            await error.WriteLineAsync($"{file}: look at it and commit it.").ConfigureAwait(false);
        }
        var explained = new List<ExplainedDifference>();
        foreach (var difference in result.Tally.First)
        {
            explained.Add(await new EntityReplay(run).ExplainAsync(difference, CancellationToken.None).ConfigureAwait(false));
        }
        var report = new ReplayReport(run, result, explained, accepted);
        await output.WriteAsync(options.Has("json") ? ReplayJsonText.Of(report) : ReplayText.Of(report)).ConfigureAwait(false);
        return report.ExitCode;
    }

    private static async Task<int> RecordAsync(IServiceProvider services, string[] args, TextWriter error)
    {
        var options = ReplayOptions.Parse(
            args,
            [],
            ["since", "until", "sample", "entity", "mask", "secret"],
            services.GetRequiredService<IConfiguration>()
        );
        var path = options.Words is [var word] ? word : throw new ReplayException("Say where to: record FILE.");
        string[] masked =
        [
            .. options.All("mask").SelectMany(names => names.Split(',')).Select(name => name.Trim()).Order(StringComparer.Ordinal),
        ];
        await using var engine = Recorded(services).Open();
        var run = Run(services, engine, Recorded(services).Scratch);
        var mask = new ExcerptMask(masked, options.Text("secret") ?? run.Application.Topology.Name);
        var writer = new ExcerptWriter(run, Selection(options), mask, masked);
        await using (var file = new BufferedStream(File.Create(path), 1 << 16))
        {
            writer.Write(file);
        }
        await error
            .WriteLineAsync($"{path}: {writer.Written.Commands} commands, {writer.Written.Recorded} records of what followed from them.")
            .ConfigureAwait(false);
        return 0;
    }

    private static async Task<int> ShowAsync(IServiceProvider services, string[] args, TextWriter output)
    {
        var options = ReplayOptions.Parse(args, [], ["at"], services.GetRequiredService<IConfiguration>());
        var entity = options.Words is [var word]
            ? Entity(word)
            : throw new ReplayException("Say which entity: replay show aggregate/id, for example ticket/17.");
        await using var engine = Recorded(services).Open();
        var at = await new EntityReplay(Run(services, engine, Recorded(services).Scratch))
            .AtAsync(entity, ReplayMoment.Parse(options.Text("at")), CancellationToken.None)
            .ConfigureAwait(false);
        await output.WriteAsync(ReplayJsonText.Of(at)).ConfigureAwait(false);
        return at.Last is null ? 1 : 0;
    }

    private static async Task<int> TestAsync(IServiceProvider services, string[] args, TextWriter output)
    {
        var options = ReplayOptions.Parse(args, [], ["mask", "secret"], services.GetRequiredService<IConfiguration>());
        var entity = options.Words is [var word]
            ? Entity(word)
            : throw new ReplayException("Say which entity: replay test aggregate/id, for example ticket/17.");
        await using var engine = Recorded(services).Open();
        var run = Run(services, engine, Recorded(services).Scratch);
        var mask = new ExcerptMask(
            options.All("mask").SelectMany(names => names.Split(',')),
            options.Text("secret") ?? run.Application.Topology.Name
        );
        var replay = new EntityReplay(run);
        var history = await replay.HistoryAsync(entity, CancellationToken.None).ConfigureAwait(false);
        if (history.Count == 0)
        {
            throw new ReplayException($"There are no commands of {entity}.");
        }
        var test = new CopiedTest(run.Application.Topology, entity, mask, services.GetRequiredService<SettingsReader>().Read([]));
        await output.WriteAsync(test.Of(history, replay.References(entity))).ConfigureAwait(false);
        return 0;
    }

    private static RecordedData Recorded(IServiceProvider services) =>
        services.GetService<RecordedData>()
        ?? throw new ReplayException("There is no engine to read from: call UseEmbedded() or UseKafka() on what AddMillrace returns.");

    private static ReplaySelection Selection(ReplayOptions options, long? since = null, long? until = null) =>
        new()
        {
            Since = options.Time("since", since ?? long.MinValue),
            Until = options.Time("until", until ?? long.MaxValue),
            SinceCode = options.Has("since-code"),
            Sample = options.Number("sample", 0),
            Entities = [.. options.All("entity").Select(Entity)],
        };

    private static ReplayRun Run(IServiceProvider services, IEngine engine, Func<ScratchState> scratch) =>
        ReplayRun.Of(services.GetRequiredService<Topology>(), services.GetRequiredService<MillraceOptions>(), engine, scratch, services);

    private static EntityName Entity(string text) =>
        EntityName.Parse(text) ?? throw new ReplayException($"\"{text}\" is no entity: say aggregate/id, for example ticket/17.");

    private static void RequireNoWords(ReplayOptions options, string verb)
    {
        if (options.Words.Count > 0)
        {
            throw new ReplayException($"replay {verb} knows no \"{options.Words[0]}\".");
        }
    }
}

/// <summary>What a comparison found, ready to be shown.</summary>
internal sealed record ReplayReport(
    ReplayRun Run,
    ReplayResult Result,
    IReadOnlyList<ExplainedDifference> Explained,
    ReplayAcceptance? Accepted
)
{
    /// <summary>0: none; 1: differences, or entities that this build parks.</summary>
    public int ExitCode => Result.Tally.Differences > 0 || Result.Parked.Any(held => !held.Live) ? 1 : 0;
}
