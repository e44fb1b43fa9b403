using System.Collections.Concurrent;
using HelpDesk.Reactive;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace;
using Millrace.TestServers;

namespace HelpDesk.SystemTests;

/// <summary>An alert that was carried out: by which reaction, for which key, and when it became due.</summary>
public sealed record Told(string Reaction, string Key, DateTimeOffset At);

/// <summary>The whole millrace beside a help desk's database, in this process; its alerts are written down.</summary>
sealed class Beside : IAsyncDisposable
{
    readonly IHost host;
    readonly string folder;

    Beside(IHost host, string folder)
    {
        this.host = host;
        this.folder = folder;
    }

    public string Folder => folder;

    public IReadOnlyCollection<Told> Alerts => host.Services.GetRequiredService<AlertBook>().Alerts;

    public IView<T> View<T>()
        where T : class => host.Services.GetRequiredService<IView<T>>();

    public static async Task<Beside> StartAsync(TestDatabase database, bool followWallClock)
    {
        var folder = Directory.CreateTempSubdirectory("helpdesk-system-").FullName;
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["ConnectionStrings:helpdesk"] = await database.CapturingAccountAsync(),
                ["Millrace:Partitions"] = "4",
                ["Millrace:FollowWallClock"] = $"{followWallClock}",
                ["Millrace:Embedded:Folder"] = folder,
            }
        );
        builder.Logging.AddSimpleConsole(options => options.SingleLine = true).AddFilter("Millrace.Alert", LogLevel.None);
        builder.Services.AddSingleton<AlertBook>();
        builder
            .AddMillrace(Desk.Topology)
            .UseMySql("helpdesk")
            .UseEmbedded()
            .UseSettings<Rules>("Millrace:Rules")
            .AddExecutor<Alert, AlertBook.Writer>();
        var host = builder.Build();
        await host.StartAsync();
        return new Beside(host, folder);
    }

    public async ValueTask DisposeAsync()
    {
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    sealed class AlertBook
    {
        public ConcurrentQueue<Told> Alerts { get; } = new();

        public sealed class Writer(AlertBook book) : IExecutor<Alert>
        {
            public Task ExecuteAsync(Intent<Alert> intent, CancellationToken cancellation)
            {
                book.Alerts.Enqueue(new Told(intent.Reaction, intent.Key, intent.Time));
                return Task.CompletedTask;
            }
        }
    }
}
