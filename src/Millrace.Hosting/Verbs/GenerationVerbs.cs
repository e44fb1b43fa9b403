using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Configuration;

namespace Millrace;

/// <summary>The verbs that move generations. They ask the running application, over the operator's API: it alone has the data.</summary>
/// <param name="configuration">The host's; <c>Millrace:Url</c> says where the pages of the running application are.</param>
/// <param name="input">Where a confirmation is typed.</param>
/// <param name="output">Where it is said what happened.</param>
/// <param name="error">Where it is said what stood in the way.</param>
internal sealed class GenerationVerbs(IConfiguration configuration, TextReader input, TextWriter output, TextWriter error)
{
    private const string Default = "http://127.0.0.1:5000/millrace";
    private const int BarWidth = 30;

    public const string Usage = """
          replay start [--share PERCENT] [--pause-at-lag COMMANDS] [--candidate BUILD]
                                   run the candidate's code over the recorded commands, in the shadow
          replay status [--watch] [--json]
                                   how each generation stands, one line each
          replay promote [--reason TEXT] [--force] [--yes]
                                   make the shadow live, at one position in each partition
          replay rollback [--reason TEXT] [--yes]
                                   make the generation before live again
          replay complete [--yes]  end the generation before
          replay abandon [--yes]   end the shadow
                                   each asks the running application: --url URL of its pages (or Millrace:Url; http://127.0.0.1:5000/millrace)
        """;

    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    /// <summary>Whether it is one of these.</summary>
    public static bool Is(string[] args) =>
        args is ["replay", "start" or "status" or "promote" or "rollback" or "complete" or "abandon", ..];

    /// <returns>0: done. 1: refused, or not confirmed. 2: it was asked wrongly, or the application cannot be reached.</returns>
    public async Task<int> RunAsync(string[] args)
    {
        Options options;
        try
        {
            options = Options.Read(args.AsSpan(2));
        }
        catch (FormatException wrong)
        {
            await error.WriteLineAsync($"{wrong.Message}\nUsage:\n{Usage}");
            return 2;
        }
        var url = (options.Url ?? configuration["Millrace:Url"] ?? Default).TrimEnd('/') + "/";
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(url) };
            return await RunAsync(client, args[1], options);
        }
        catch (ReplayException refused)
        {
            await error.WriteLineAsync(refused.Message);
            return 1;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or UriFormatException or JsonException)
        {
            await error.WriteLineAsync(
                $"The application cannot be asked at {url}: {e.Message}. Say where its pages are with --url, or start it."
            );
            return 2;
        }
    }

    private async Task<int> RunAsync(HttpClient client, string verb, Options options)
    {
        var status = await StatusAsync(client);
        switch (verb)
        {
            case "status":
                await ShowAsync(client, status, options);
                return 0;
            case "start":
                var started = await PostAsync(
                    client,
                    "start",
                    new JsonObject
                    {
                        ["share"] = options.Share,
                        ["pauseAtLag"] = options.PauseAtLag,
                        ["candidate"] = options.Candidate,
                    }
                );
                await WriteAsync(started.Deserialize(GenerationsJson.Default.GenerationsStatus)!);
                return 0;
            case "promote":
                var shadow = Shadow(status);
                await DescribeAsync(shadow);
                if (shadow.Against.Count > 0 && !options.Force)
                {
                    throw new ReplayException([.. shadow.Against, "Where this is seen and does not matter, add --force."]);
                }
                return await ConfirmedAsync(client, "promote", shadow.Number, $"promote generation {shadow.Number}", options);
            case "rollback":
                return await ConfirmedAsync(client, "rollback", status.Live, $"go back from generation {status.Live}", options);
            case "complete":
                await output.WriteLineAsync("The generation before the live one ends. It cannot be gone back to after this.");
                return await ConfirmedAsync(
                    client,
                    "complete",
                    status.Live,
                    $"complete the promotion of generation {status.Live}",
                    options
                );
            default:
                var given = Shadow(status);
                return await ConfirmedAsync(client, "abandon", given.Number, $"abandon generation {given.Number}", options);
        }
    }

    private static GenerationState Shadow(GenerationsStatus status) =>
        status.Generations.FirstOrDefault(generation => generation.Role == GenerationRole.Shadow)
        ?? throw new ReplayException("No generation is in the shadow: \"replay start\" begins one.");

    /// <summary>What a promotion would change.</summary>
    private async Task DescribeAsync(GenerationState shadow)
    {
        await output.WriteLineAsync(shadow.Line);
        if (shadow.Comparison is { } compared)
        {
            foreach (var example in compared.Examples)
            {
                await output.WriteLineAsync($"  {example}");
            }
            if (compared.OtherOutcomes > 0)
            {
                foreach (var answer in compared.Answers)
                {
                    await output.WriteLineAsync($"  {answer}");
                }
                await output.WriteLineAsync(
                    $"{compared.OtherOutcomes} clients were told what this generation would not tell them. What they were told stands; what comes is decided anew."
                );
            }
        }
        await output.WriteLineAsync(
            $"From the fence on, everybody who reads events reads those of generation {shadow.Number}; the one before computes on, unseen, until \"replay complete\"."
        );
    }

    private async Task<int> ConfirmedAsync(HttpClient client, string verb, int number, string what, Options options)
    {
        if (!options.Yes)
        {
            await output.WriteAsync($"Type {number} to {what}: ");
            await output.FlushAsync();
            if ((await input.ReadLineAsync())?.Trim() != $"{number}")
            {
                await error.WriteLineAsync("Nothing was changed.");
                return 1;
            }
        }
        var answer = await PostAsync(
            client,
            verb,
            new JsonObject
            {
                ["generation"] = number,
                ["confirm"] = number,
                ["reason"] = options.Reason ?? "asked for at the command line",
                ["force"] = options.Force,
            }
        );
        if (verb is "complete" or "abandon")
        {
            var dropped = answer.Deserialize(GenerationsJson.Default.DroppedGeneration)!;
            await output.WriteLineAsync(
                $"Generation {dropped.Number} has ended. Its state is being deleted; its logs stay, and nobody reads or writes them any more:"
            );
            await output.WriteLineAsync($"  {string.Join(", ", dropped.Logs)}");
        }
        else
        {
            await WriteAsync(answer.Deserialize(GenerationsJson.Default.GenerationsStatus)!);
        }
        return 0;
    }

    private async Task ShowAsync(HttpClient client, GenerationsStatus status, Options options)
    {
        if (options.Json)
        {
            await output.WriteLineAsync(JsonSerializer.Serialize(status, GenerationsJson.Default.GenerationsStatus));
            return;
        }
        while (
            options.Watch
            && status.Generations.FirstOrDefault(generation => generation.Role == GenerationRole.Shadow) is { Lag: > 0 } shadow
        )
        {
            var done = shadow.End == 0 ? 1 : (double)shadow.Position / shadow.End;
            var bar = new string('#', (int)(done * BarWidth)).PadRight(BarWidth, '.');
            await output.WriteAsync($"\r[{bar}] {shadow.Line}\u001b[K");
            await output.FlushAsync();
            await Task.Delay(Between);
            status = await StatusAsync(client);
            if (shadow.Lag > 0 && status.Generations.All(generation => generation is not { Role: GenerationRole.Shadow, Lag: > 0 }))
            {
                await output.WriteLineAsync();
            }
        }
        await WriteAsync(status);
    }

    private async Task WriteAsync(GenerationsStatus status)
    {
        foreach (var generation in status.Generations)
        {
            await output.WriteLineAsync(generation.Line);
        }
        if (status.Unsettled.Count > 0)
        {
            await output.WriteLineAsync($"The fence has not been through {status.Unsettled.Count} places yet: {status.Unsettled[0]}");
        }
    }

    private static async Task<GenerationsStatus> StatusAsync(HttpClient client)
    {
        using var answer = await client.GetAsync(new Uri("api/replay", UriKind.Relative));
        return (await ReadAsync(answer)).Deserialize(GenerationsJson.Default.GenerationsStatus)!;
    }

    private static async Task<JsonElement> PostAsync(HttpClient client, string verb, JsonObject body)
    {
        using var content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri($"api/replay/{verb}", UriKind.Relative), content);
        return await ReadAsync(answer);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        if (answer.IsSuccessStatusCode)
        {
            return await answer.Content.ReadFromJsonAsync(GenerationsJson.Default.JsonElement);
        }
        var said = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode == System.Net.HttpStatusCode.Conflict)
        {
            throw new ReplayException(JsonDocument.Parse(said).RootElement.GetProperty("error").GetString()!);
        }
        throw new HttpRequestException($"it answered {(int)answer.StatusCode} {said}");
    }

    /// <summary>What stands behind the verb.</summary>
    private sealed record Options
    {
        public string? Url { get; private init; }
        public string? Reason { get; private init; }
        public string? Candidate { get; private init; }
        public int? Share { get; private init; }
        public long? PauseAtLag { get; private init; }
        public bool Force { get; private init; }
        public bool Yes { get; private init; }
        public bool Watch { get; private init; }
        public bool Json { get; private init; }

        /// <exception cref="FormatException">An option is unknown, or lacks its value.</exception>
        public static Options Read(ReadOnlySpan<string> args)
        {
            var options = new Options();
            for (var at = 0; at < args.Length; at++)
            {
                var name = args[at];
                options = name switch
                {
                    "--force" => options with { Force = true },
                    "--yes" => options with { Yes = true },
                    "--watch" => options with { Watch = true },
                    "--json" => options with { Json = true },
                    "--url" => options with { Url = Value(args, ref at) },
                    "--reason" => options with { Reason = Value(args, ref at) },
                    "--candidate" => options with { Candidate = Value(args, ref at) },
                    "--share" => options with { Share = Number(name, Value(args, ref at)) },
                    "--pause-at-lag" => options with { PauseAtLag = Number(name, Value(args, ref at)) },
                    _ => throw new FormatException($"There is no option {name}."),
                };
            }
            return options;
        }

        private static string Value(ReadOnlySpan<string> args, ref int at) =>
            ++at < args.Length ? args[at] : throw new FormatException($"{args[at - 1]} wants a value.");

        private static int Number(string name, string text) =>
            int.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new FormatException($"{name} wants a number, not \"{text}\".");
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(GenerationsStatus))]
[JsonSerializable(typeof(DroppedGeneration))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class GenerationsJson : JsonSerializerContext;
