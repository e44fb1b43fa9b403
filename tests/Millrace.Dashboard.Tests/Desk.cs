using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Parcels;
using Millrace.Sources;

namespace Millrace.Dashboard.Tests;

/// <summary>The post office with its pages, on a real server on this machine.</summary>
internal sealed class Desk : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Desk(WebApplication app, ToldSource source)
    {
        _app = app;
        Source = source;
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.First() + "/millrace/") };
    }

    public ToldSource Source { get; }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<Desk> OpenAsync(
        string url = "http://127.0.0.1:0",
        Action<WebApplicationBuilder>? build = null,
        Action<WebApplication>? map = null,
        Topology? topology = null
    )
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--Millrace:Partitions=4"] });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url);
        var source = new ToldSource();
        var millrace = builder.AddMillrace(topology ?? PostOffice.Topology).UseSettings<Promises>("Millrace:Promises");
        millrace.Services.AddSingleton<IEngine>(new InMemoryEngine());
        millrace.Services.AddSingleton<ISource>(source);
        build?.Invoke(builder);
        var app = builder.Build();
        (map ?? (web => web.MapMillrace("/millrace")))(app);
        try
        {
            await app.StartAsync(Stop);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
        return new Desk(app, source);
    }

    public async Task<JsonElement> GetAsync(string path) => await Client.GetFromJsonAsync<JsonElement>(path, Stop);

    public Task<JsonElement> GetAsync(string path, Func<JsonElement, bool> wanted) => Eventually.Get(() => GetAsync(path), wanted);

    public Task<HttpResponseMessage> PostAsync(string path, object body, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }
        return Client.SendAsync(request, Stop);
    }

    /// <summary>Opens a tail; completes once the server has said that it is connected.</summary>
    public async Task<IAsyncEnumerator<SseItem<string>>> TailAsync(string path)
    {
        var stream = await Client.GetStreamAsync(path, Stop);
        var items = SseParser.Create(stream).EnumerateAsync(Stop).GetAsyncEnumerator(Stop);
        Assert.True(await items.MoveNextAsync());
        Assert.Equal("connected", items.Current.EventType);
        return items;
    }

    public async Task StopAsync() => await _app.StopAsync(Stop);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}
