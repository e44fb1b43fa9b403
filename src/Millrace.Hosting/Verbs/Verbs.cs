using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Millrace;

/// <summary>What the application's command line can do beside serving: everything that needs its code. Data is read at most.</summary>
internal static class Verbs
{
    private const string DefaultFolder = "schemas";

    private const string Usage = $"""
        Usage:
          (no verb)                serve
          topology                 print tables -> commands -> events -> views and reactions
          schema export [FOLDER]   write the JSON Schema of commands, events and documents, and an AsyncAPI document ("schemas")
          schema check [FOLDER]    compare them with those written before; exit code 1 where they differ
          replay diff [OPTIONS]    run the live application's recorded commands through this code, on a state of its own, and compare the events;
                                   exit code 0 none, 1 differences, 2 it could not run
            --since TIME --until TIME --since-code   compare only this part (everything is run)
            --sample N | --entity AGGREGATE/ID ...   run only these
            --show N                                 how many first differences to show side by side (1)
            --json                                   for a machine
            --accept FILE                            write the differences found to a file, as meant
            --accepted FILE                          leave out those of such a file
            --from FILE                              run what "record" wrote, without the live application's data
          record FILE [--entity AGGREGATE/ID ... | --sample N | --since TIME --until TIME] [--mask NAME,NAME] [--secret TEXT]
                                   write the commands and events of these to a file, the members of these names masked
          replay show AGGREGATE/ID [--at TIME|SEQUENCE|COMMAND]
                                   an entity's state and rows at any moment of its history, as this code has them
          replay test AGGREGATE/ID [--mask NAME,NAME] [--secret TEXT]
                                   print a test of what happened to an entity, ready to compile
        {GenerationVerbs.Usage}
        {PartitionVerbs.Usage}
          help                     print this
        Options that begin with "-" are the host's (--urls, --Millrace:Partitions=4).
        """;

    /// <summary>Whether the first argument is a verb; host configuration begins with a dash or a slash, or has an equals sign.</summary>
    public static bool IsVerb(string argument) =>
        argument.Length > 0 && argument[0] is not ('-' or '/') && !argument.Contains('=', StringComparison.Ordinal);

    public static async Task<int> RunAsync(IServiceProvider services, string[] args, TextWriter output, TextWriter error)
    {
        var topology = services.GetRequiredService<Topology>();
        switch (args)
        {
            case ["help"]:
                await output.WriteLineAsync(Usage);
                return 0;
            case ["topology"]:
                return await WithSoundTopology(topology, error, () => output.WriteAsync(TopologyText.Of(topology)));
            case ["schema", "export"] or ["schema", "export", _]:
                return await WithSoundTopology(
                    topology,
                    error,
                    () => ExportAsync(services, args.ElementAtOrDefault(2) ?? DefaultFolder, output)
                );
            case ["schema", "check"] or ["schema", "check", _]:
                var differences = 0;
                var sound = await WithSoundTopology(
                    topology,
                    error,
                    async () => differences = await CheckAsync(services, args.ElementAtOrDefault(2) ?? DefaultFolder, output, error)
                );
                return sound != 0 || differences != 0 ? 1 : 0;
            case ["replay", ..] when GenerationVerbs.Is(args):
                return await new GenerationVerbs(services.GetRequiredService<IConfiguration>(), Console.In, output, error).RunAsync(args);
            case ["replay", .. var replay]:
                return await ReplayVerb.RunAsync(services, replay, output, error);
            case ["partitions", ..]:
                return await new PartitionVerbs(services.GetRequiredService<IConfiguration>(), Console.In, output, error).RunAsync(args);
            case ["record", ..]:
                return await ReplayVerb.RunAsync(services, args, output, error);
            default:
                await error.WriteLineAsync($"There is no verb \"{string.Join(' ', args)}\".\n{Usage}");
                return 2;
        }
    }

    private static async Task ExportAsync(IServiceProvider services, string folder, TextWriter output)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, text) in Documents(services))
        {
            var path = Path.Combine(folder, name);
            await File.WriteAllTextAsync(path, text);
            await output.WriteLineAsync(path);
        }
    }

    private static async Task<int> CheckAsync(IServiceProvider services, string folder, TextWriter output, TextWriter error)
    {
        var differences = 0;
        foreach (var (name, text) in Documents(services))
        {
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
            {
                differences++;
                await error.WriteLineAsync($"{path} is not there: run \"schema export {folder}\" and commit it.");
            }
            else if (await File.ReadAllTextAsync(path) != text)
            {
                differences++;
                await error.WriteLineAsync(
                    $"{path} differs from the code: run \"schema export {folder}\", look at the difference and commit it."
                );
            }
        }
        if (differences == 0)
        {
            await output.WriteLineAsync($"{folder} is what the code says.");
        }
        return differences;
    }

    private static IEnumerable<(string Name, string Text)> Documents(IServiceProvider services) =>
        SchemaExport.Documents(
            new Application(services.GetRequiredService<Topology>(), services.GetRequiredService<MillraceOptions>().Partitions)
        );

    private static async Task<int> WithSoundTopology(Topology topology, TextWriter error, Func<Task> run)
    {
        try
        {
            TopologyCheck.Require(topology);
        }
        catch (MillraceStartException e)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
        await run();
        return 0;
    }
}
