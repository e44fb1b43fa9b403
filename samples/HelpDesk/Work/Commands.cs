using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace HelpDesk.Work;

/// <summary>What one start of the program does.</summary>
public static class Commands
{
    public static Task<int> RunAsync(Arguments arguments, CancellationToken stop) =>
        arguments switch
        {
            { Replay: true } => OnTablesAsync(
                arguments,
                (source, say) => new Replay(source, say).RunAsync(arguments.ReplayFile, arguments.Speed, stop),
                stop
            ),
            { SeedTickets: > 0 } => OnTablesAsync(
                arguments,
                (source, say) =>
                    new SeedTickets(source, say).RunAsync(arguments.SeedTickets, arguments.Seed, arguments.At ?? DateTime.UtcNow, stop),
                stop
            ),
            { Traffic: true, Target: { } target } => TrafficAsync(target, arguments, stop),
            _ => ServeAsync(arguments, stop),
        };

    static async Task<int> OnTablesAsync(
        Arguments arguments,
        Func<MySqlConnector.MySqlDataSource, Action<string>, Task> work,
        CancellationToken stop
    )
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddCommandLine(arguments.Host).Build();
        await using var source = Database.Open(configuration.GetConnectionString("helpdesk"));
        await Database.EnsureSchemaAsync(source, stop);
        await work(source, Console.WriteLine);
        return 0;
    }

    static async Task<int> ServeAsync(Arguments arguments, CancellationToken stop)
    {
        await using var app = await HelpDeskApp.BuildAsync(arguments.Host, stop);
        await app.StartAsync(stop);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Console.WriteLine($"help desk: {address} (API: {address}/scalar)");
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop, app.Lifetime.ApplicationStopping);
        var traffic = arguments.Traffic ? TrafficAsync(new Uri(address), arguments, ending.Token) : Task.FromResult(0);
        await app.WaitForShutdownAsync(stop);
        return await traffic;
    }

    static async Task<int> TrafficAsync(Uri target, Arguments arguments, CancellationToken stop)
    {
        using var http = new HttpClient { BaseAddress = target };
        await new Traffic(http, arguments.Seed, arguments.Rate, Console.WriteLine).RunAsync(stop);
        return 0;
    }
}
