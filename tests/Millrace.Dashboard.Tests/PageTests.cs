using System.Text.RegularExpressions;

namespace Millrace.Dashboard.Tests;

public sealed partial class PageTests
{
    [Theory]
    [InlineData("")]
    [InlineData("events?type=parcel-sent&key=1")]
    [InlineData("intents")]
    [InlineData("entity")]
    [InlineData("entity/parcel/42")]
    [InlineData("entity/parcel/a,b%2Fc")]
    [InlineData("held")]
    [InlineData("replay")]
    [InlineData("views")]
    [InlineData("views/whereabouts?index=place")]
    [InlineData("timers")]
    public async Task Every_page_has_an_address_of_its_own(string path)
    {
        await using var desk = await Desk.OpenAsync();

        var answer = await desk.Client.GetAsync(new Uri(path, UriKind.Relative), Desk.Stop);

        Assert.Equal("text/html; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.Contains("<base href=\"/millrace/\" />", await answer.Content.ReadAsStringAsync(Desk.Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_load_nothing_from_anywhere_else()
    {
        await using var desk = await Desk.OpenAsync();
        var seen = new HashSet<string>();
        var open = new Queue<string>(["", "assets/app.js", "assets/style.css", "assets/mill.svg"]);
        while (open.TryDequeue(out var path))
        {
            var answer = await desk.Client.GetAsync(new Uri(path, UriKind.Relative), Desk.Stop);
            var text = await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Desk.Stop);
            Assert.Contains("default-src 'self'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
            Assert.DoesNotMatch(Elsewhere(), text);
            foreach (var import in Import().Matches(text).Select(match => "assets/" + match.Groups[1].Value))
            {
                if (seen.Add(import))
                {
                    open.Enqueue(import);
                }
            }
        }
        Assert.Contains("assets/flow.js", seen);
    }

    [Fact]
    public async Task An_asset_that_did_not_change_is_not_sent_again()
    {
        await using var desk = await Desk.OpenAsync();
        var first = await desk.Client.GetAsync(new Uri("assets/style.css", UriKind.Relative), Desk.Stop);
        using var request = new HttpRequestMessage(HttpMethod.Get, "assets/style.css");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);

        var second = await desk.Client.SendAsync(request, Desk.Stop);

        Assert.Equal(System.Net.HttpStatusCode.NotModified, second.StatusCode);
    }

    // The namespace of SVG is a name, not an address.
    [GeneratedRegex(@"(?:https?:)?//(?!www\.w3\.org/2000/svg)[a-z0-9-]+\.[a-z]")]
    private static partial Regex Elsewhere();

    [GeneratedRegex(@"from ""\./([a-z]+\.js)""")]
    private static partial Regex Import();
}
