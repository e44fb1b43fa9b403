using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;

namespace Millrace;

/// <summary>The verbs for the partitions of the command logs. They ask the running application, any process of it, over the operator's API.</summary>
/// <param name="configuration">The host's; <c>Millrace:Url</c> says where the pages of the running application are.</param>
/// <param name="input">Where a confirmation is typed.</param>
/// <param name="output">Where it is said what happened.</param>
/// <param name="error">Where it is said what stood in the way.</param>
internal sealed class PartitionVerbs(IConfiguration configuration, TextReader input, TextWriter output, TextWriter error)
{
    private const string Default = "http://127.0.0.1:5000/millrace";

    public const string Usage = """
          partitions status [--url URL]
                                   how many partitions the command logs have had, and which still wait for their entities
          partitions add N [--yes] [--url URL]
                                   have N partitions in each command log from now on, while everything goes on
        """;

    /// <returns>0: done. 1: refused, or not confirmed. 2: it was asked wrongly, or the application cannot be reached.</returns>
    public async Task<int> RunAsync(string[] args)
    {
        var (url, yes, rest) = (configuration["Millrace:Url"] ?? Default, false, new List<string>());
        for (var i = 1; i < args.Length; i++)
        {
            if (args[i] == "--yes")
            {
                yes = true;
            }
            else if (args[i] == "--url" && i + 1 < args.Length)
            {
                url = args[++i];
            }
            else
            {
                rest.Add(args[i]);
            }
        }
        int? wanted = rest is ["add", var number] && int.TryParse(number, CultureInfo.InvariantCulture, out var count) ? count : null;
        if (wanted is null && rest is not ["status"])
        {
            await error.WriteLineAsync($"Usage:\n{Usage}");
            return 2;
        }
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(url.TrimEnd('/') + "/") };
            return wanted is { } partitions ? await AddAsync(client, partitions, yes) : await ShowAsync(client);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or UriFormatException or JsonException)
        {
            await error.WriteLineAsync(
                $"The application cannot be asked at {url}: {e.Message}. Say where its pages are with --url, or start it."
            );
            return 2;
        }
    }

    private async Task<int> ShowAsync(HttpClient client)
    {
        await DescribeAsync((await client.GetFromJsonAsync<JsonObject>("api/partitions"))!);
        return 0;
    }

    private async Task<int> AddAsync(HttpClient client, int partitions, bool yes)
    {
        if (!yes)
        {
            await output.WriteAsync($"Partitions can be added, and never taken away. Type {partitions} to have so many: ");
            await output.FlushAsync();
            if ((await input.ReadLineAsync())?.Trim() != partitions.ToString(CultureInfo.InvariantCulture))
            {
                await error.WriteLineAsync("Nothing was changed.");
                return 1;
            }
        }
        using var body = JsonContent.Create(new JsonObject { ["partitions"] = partitions, ["confirm"] = partitions });
        using var response = await client.PostAsync("api/partitions", body);
        var answer = (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        if (!response.IsSuccessStatusCode)
        {
            await error.WriteLineAsync(answer["error"]?.GetValue<string>() ?? $"The application refused: {(int)response.StatusCode}.");
            return 1;
        }
        await DescribeAsync(answer);
        return 0;
    }

    private async Task DescribeAsync(JsonObject status)
    {
        var epochs = status["epochs"]!.AsArray().Select(epoch => epoch!.GetValue<int>()).ToList();
        await output.WriteLineAsync(
            $"{epochs[^1]} partitions{(epochs.Count > 1 ? $" (epoch {epochs.Count}: {string.Join(", then ", epochs)})" : "")}"
        );
        var moving = status["moving"]!.AsArray();
        foreach (var of in moving)
        {
            await output.WriteLineAsync($"  {of!["aggregate"]} partition {of["partition"]} waits for its entities");
        }
        if (epochs.Count > 1 && moving.Count == 0)
        {
            await output.WriteLineAsync("  every entity has arrived");
        }
    }
}
