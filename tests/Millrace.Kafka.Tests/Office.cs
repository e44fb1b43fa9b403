using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Engines.Contract;
using Millrace.Parcels;
using Millrace.Sources;
using Millrace.TestServers;

namespace Millrace.Kafka.Tests;

/// <summary>One process of the post office, as a host would run it: engine, folder, source and clients of its own.</summary>
internal sealed class Office : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private bool _stopped;

    /// <param name="bootstrap">The broker; none for the embedded engine.</param>
    /// <param name="prefix">What the names on the broker begin with.</param>
    /// <param name="topology">Another topology than the post office's.</param>
    /// <param name="partitions">Of every log.</param>
    /// <param name="settings">Further configuration, over what stands here.</param>
    public Office(
        string? bootstrap,
        string prefix,
        Topology? topology = null,
        int partitions = 4,
        params KeyValuePair<string, string?>[] settings
    )
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([
            new("Millrace:Partitions", $"{partitions}"),
            new("Millrace:Promises:DeliverWithinHours", "0"),
            new("Millrace:Promises:BusyAbove", "1000"),
            new("Millrace:Kafka:BootstrapServers", bootstrap),
            new("Millrace:Kafka:Prefix", prefix),
            new("Millrace:Kafka:Folder", _folder.Path),
            new("Millrace:Embedded:Folder", _folder.Path),
            new("Millrace:Kafka:SessionTimeout", "00:00:06"),
        ]);
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(Log);
        var millrace = builder
            .AddMillrace(topology ?? PostOffice.Topology)
            .UseSettings<Promises>("Millrace:Promises")
            .AddExecutor<Alert, Bell>();
        _ = bootstrap is null ? millrace.UseEmbedded() : millrace.UseKafka();
        builder.Services.AddSingleton<ISource>(Source).AddSingleton(Alerts);
        Host = builder.Build();
    }

    public IHost Host { get; }

    public ToldSource Source { get; } = new();

    /// <summary>What this process told somebody.</summary>
    public ConcurrentQueue<string> Alerts { get; } = new();

    public SaidLog Log { get; } = new();

    public Runtime Runtime => Host.Services.GetRequiredService<Runtime>();

    public IView<Whereabouts> View => Host.Services.GetRequiredService<IView<Whereabouts>>();

    public ICommands Commands => Host.Services.GetRequiredService<ICommands>();

    /// <summary>The partitions that this process decides.</summary>
    public int Decides => Runtime.Status().Loops.Count(loop => loop.Name == Runtime.Application.DecideGroup(Parcel.Definition));

    public async Task<Office> StartAsync()
    {
        await Host.StartAsync(CancellationToken.None);
        return this;
    }

    /// <summary>A setting is changed in this process's configuration.</summary>
    public void Change(string key, string value)
    {
        var configuration = (IConfigurationRoot)Host.Services.GetRequiredService<IConfiguration>();
        configuration[key] = value;
        configuration.Reload();
    }

    public async Task StopAsync()
    {
        _stopped = true;
        await Host.StopAsync(CancellationToken.None);
        await ((IAsyncDisposable)Host).DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stopped)
        {
            await StopAsync();
        }
        _folder.Dispose();
    }

    private sealed class Bell(ConcurrentQueue<string> alerts) : IExecutor<Alert>
    {
        public Task ExecuteAsync(Intent<Alert> intent, CancellationToken cancellation)
        {
            alerts.Enqueue(intent.Value.Text);
            return Task.CompletedTask;
        }
    }
}

/// <summary>What a host logged.</summary>
internal sealed class SaidLog : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    ) => Lines.Enqueue($"{logLevel}: {formatter(state, exception)}{(exception is null ? "" : $" <{exception.Message}>")}");

    public void Dispose() { }
}
