using System.Text.Json;
using System.Text.RegularExpressions;
using Millrace.TestServers;

namespace Millrace.Docs.Tests;

/// <summary>
/// Follows docs/getting-started.md as its reader would. <c>bash</c> is typed into a terminal: the first one, which waits for its end, or the
/// one that it names, where it goes on running. <c>sql</c> is typed into the terminal "sql". A block of <c>csharp</c> or <c>xml</c> is the file
/// of its title. <c>text</c> is what the terminal of the last commands shows; <c>json</c> what the application answers at the path of its title;
/// <c>events</c> what the operator's page shows. A block of any other kind is an error, so that no block goes untested.
/// </summary>
public sealed partial class GettingStartedTests : IAsyncDisposable
{
    const string ServerData = "shop-server";

    readonly Clone clone = new();
    readonly Dictionary<string, Terminal> terminals = [];
    readonly HttpClient http = new();

    [Fact]
    public async Task Every_block_of_the_page_does_what_the_page_says()
    {
        var page = await File.ReadAllTextAsync(
            Path.Combine(Repository.Root, "docs", "getting-started.md"),
            TestContext.Current.CancellationToken
        );
        clone.RequireServer(ServerData);
        terminals["first"] = Terminal.Open(clone.Folder);
        var last = "first";
        foreach (var block in GuideBlock.Read(page))
        {
            TestContext.Current.SendDiagnosticMessage($"line {block.Line}: {block.Language} {block.Title ?? block.Terminal}");
            switch (block)
            {
                case { Language: "bash", Terminal: null }:
                    last = "first";
                    if (block.Text.Contains("mariadb remove", StringComparison.Ordinal))
                    {
                        await EndAsync();
                    }

                    await terminals["first"].RunAsync(clone.Folder, block.Text);
                    break;
                case { Language: "bash", Terminal: { } name }:
                    last = name;
                    terminals[name] = Terminal.Open(clone.Folder, block.Text);
                    break;
                case { Language: "sql" }:
                    await terminals["sql"].TypeAsync(block.Text);
                    break;
                case { Language: "csharp" or "xml", Title: { } file }:
                    await WriteAsync(file, block.Text);
                    break;
                case { Language: "text" }:
                    foreach (var line in block.Lines)
                    {
                        await terminals[last].ShowsAsync(line);
                    }

                    break;
                case { Language: "json", Title: { } path }:
                    await AnswersAsync(path, block.Text);
                    break;
                case { Language: "events" }:
                    await PageShowsAsync(block.Lines);
                    break;
                default:
                    Assert.Fail($"Line {block.Line}: nothing is known of a block that begins ```{block.Language}");
                    break;
            }
        }

        Assert.False(Directory.Exists(Path.Combine(clone.Folder, ServerData)), "The page leaves its server behind.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var terminal in terminals.Values)
        {
            await terminal.DisposeAsync();
        }

        clone.RemoveServer(ServerData);
        clone.Dispose();
        http.Dispose();
    }

    /// <summary>Before the server goes the reader ends what uses it; what was typed in SQL must have been right.</summary>
    async Task EndAsync()
    {
        await terminals["app"].InterruptAsync();
        await terminals["sql"].CloseAsync();
    }

    async Task WriteAsync(string file, string text)
    {
        var path = Path.Combine(clone.Folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, text);
    }

    async Task AnswersAsync(string path, string expected)
    {
        var wanted = JsonElement.Parse(expected);
        var address = Address() + path;
        var answer = "";
        await Until.TrueAsync(
            async () =>
            {
                answer = await http.GetStringAsync(address, TestContext.Current.CancellationToken);
                return Same(wanted, JsonElement.Parse(answer));
            },
            () => true,
            () => $"{address} answers {answer} and not {expected}"
        );
    }

    /// <summary>The page lists what its event stream brings.</summary>
    async Task PageShowsAsync(IEnumerable<string> types)
    {
        var missing = types.ToHashSet();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        stop.CancelAfter(TimeSpan.FromMinutes(2));
        using var reader = new StreamReader(await http.GetStreamAsync(Address() + "/millrace/api/events", stop.Token));
        while (missing.Count > 0 && await reader.ReadLineAsync(stop.Token) is { } line)
        {
            missing.RemoveWhere(type => line.Contains($"\"{type}\"", StringComparison.Ordinal));
        }

        Assert.Empty(missing);
    }

    // Documents of many partitions come in no particular order.
    static bool Same(JsonElement wanted, JsonElement actual) =>
        wanted.GetArrayLength() == actual.GetArrayLength()
        && wanted.EnumerateArray().All(one => actual.EnumerateArray().Any(other => JsonElement.DeepEquals(one, other)));

    string Address() => Listening().Match(terminals["app"].Output).Groups[1].Value;

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();
}
