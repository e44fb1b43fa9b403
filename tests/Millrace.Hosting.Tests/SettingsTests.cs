using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Parcels;
using Millrace.Sources;

namespace Millrace.Hosting.Tests;

public sealed class SettingsTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Settings_that_change_while_the_application_runs_are_recorded_in_every_partition()
    {
        using var log = new SaidLog();
        using var host = Open(log);
        await host.StartAsync(None);

        Change(host, "Millrace:Promises:BusyAbove", "1");
        await Until(() => Recorded(host).All(of => of.SequenceEqual([7, 1])));
        Change(host, "Millrace:Promises:BusyAbove", "7");
        await Until(() => Recorded(host).All(of => of.SequenceEqual([7, 1, 7])));

        await host.StopAsync(None);
    }

    [Fact]
    public async Task A_change_that_says_the_same_or_nothing_that_can_be_read_records_nothing()
    {
        using var log = new SaidLog();
        using var host = Open(log);
        await host.StartAsync(None);

        Change(host, "Millrace:Promises:BusyAbove", "many");
        await Until(() => log.Lines.Any(line => line.Contains("The settings Promises cannot be read", StringComparison.Ordinal)));
        Change(host, "Millrace:Promises:BusyAbove", "7");
        Change(host, "Millrace:Health:MaxLag", "00:00:10");
        Change(host, "Millrace:Promises:BusyAbove", "8");
        await Until(() => log.Lines.Any(line => line.StartsWith("The settings Promises changed", StringComparison.Ordinal)));
        await Until(() => Recorded(host).All(of => of.Count == 2));

        Assert.All(Recorded(host), of => Assert.Equal([7, 8], of));
        await host.StopAsync(None);
    }

    [Fact]
    public async Task Of_two_processes_that_see_the_same_change_one_records_it()
    {
        await using var engine = new InMemoryEngine();
        var (first, _) = Hosts.PostOffice(engine, arguments: "--Millrace:Promises:BusyAbove=7");
        using (first)
        {
            await first.StartAsync(None);
            var runtime = first.Services.GetRequiredService<Runtime>();
            var other = new Runtime(
                runtime.Application.Topology,
                runtime.Options,
                engine,
                [],
                new Dictionary<Type, object>(),
                first.Services,
                TimeProvider.System,
                NullLogger.Instance
            );
            var changed = new Dictionary<Type, object> { [typeof(Promises)] = new Promises(48, 9) };

            Assert.Equal(["Promises"], await other.ChangeSettingsAsync(changed, None));
            Assert.Empty(await runtime.ChangeSettingsAsync(changed, None));

            await Until(() => Recorded(first).All(of => of.Count == 2));
            Assert.All(Recorded(first), of => Assert.Equal([7, 9], of));
            await other.DisposeAsync();
            await first.StopAsync(None);
        }
    }

    private static IHost Open(SaidLog log)
    {
        var builder = Hosts.Builder();
        builder.Configuration.AddInMemoryCollection([new("Millrace:Promises:BusyAbove", "7")]);
        builder.Logging.AddProvider(log);
        builder.AddMillrace(PostOffice.Topology).UseSettings<Promises>("Millrace:Promises");
        builder.Services.AddSingleton<IEngine>(new InMemoryEngine()).AddSingleton<ISource>(new ToldSource());
        return builder.Build();
    }

    private static void Change(IHost host, string key, string value)
    {
        var configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        configuration[key] = value;
        configuration.Reload();
    }

    /// <summary>The threshold in each settings record, partition by partition.</summary>
    private static List<List<int>> Recorded(IHost host)
    {
        var runtime = host.Services.GetRequiredService<Runtime>();
        var all = new List<List<int>>();
        for (var partition = 0; partition < runtime.Application.Partitions; partition++)
        {
            var of = new List<int>();
            using var reader = runtime.Engine.Read(new TopicPartition(runtime.Application.Events(Parcel.Definition), partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    if (new RecordHeaders(record.Headers.Span)[Header.Type].SequenceEqual("millrace.settings"u8))
                    {
                        using var json = JsonDocument.Parse(record.Value);
                        of.Add(json.RootElement.GetProperty("value").GetProperty("busyAbove").GetInt32());
                    }
                }
            }
            all.Add(of);
        }
        return all;
    }

    private static async Task Until(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!condition())
        {
            await beat.WaitForNextTickAsync(limit.Token);
        }
    }

    private sealed class SaidLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Lines.Enqueue(formatter(state, exception));

        public void Dispose() { }
    }
}
