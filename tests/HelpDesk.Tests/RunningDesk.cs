using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Millrace.TestServers;

namespace HelpDesk.Tests;

/// <summary>The help desk on a database of its own, listening on a free port.</summary>
sealed class RunningDesk : IAsyncDisposable
{
    readonly WebApplication app;

    RunningDesk(TestDatabase database, WebApplication app)
    {
        Database = database;
        this.app = app;
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Http = new HttpClient { BaseAddress = new Uri(address) };
    }

    public TestDatabase Database { get; }
    public HttpClient Http { get; }

    public static async Task<RunningDesk> StartAsync(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        var database = await server.CreateDatabaseAsync("desk");
        var app = await HelpDeskApp.BuildAsync(["--urls", "http://127.0.0.1:0", "--ConnectionStrings:helpdesk", database.ConnectionString]);
        await app.StartAsync();
        return new RunningDesk(database, app);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await app.DisposeAsync();
        await Database.DisposeAsync();
    }
}
