using System.Diagnostics;
using Millrace.Engines;

namespace Millrace.Harness;

/// <summary>The ticket aggregate on the Kafka engine, as a contender: a process of its own that decides until its standard input ends.</summary>
internal static class KafkaDecide
{
    public const string Prefix = "ours.";
    private const int Partitions = 4;

    public static string Commands { get; } =
        Prefix + new Application(BenchTicket.Topology, Partitions).Commands(BenchTicket.Topology.Aggregates[0]).Name;

    public static string Events { get; } =
        Prefix + new Application(BenchTicket.Topology, Partitions).Events(BenchTicket.Topology.Aggregates[0]).Name;

    /// <summary>Writes the commands as a source would.</summary>
    public static async Task LoadAsync(string bootstrap, string folder, int commands, int entities)
    {
        await using var engine = Open(bootstrap, folder, threads: 1);
        await using var runtime = DecidingRun.Of(BenchTicket.Topology, engine, Partitions);
        await runtime.PrepareAsync(CancellationToken.None);
        await AggregateRun.LoadAsync(runtime.Captures[0], commands, entities);
    }

    public static ProcessStartInfo Start(string bootstrap, string group, string folder, int threads) =>
        new(Environment.ProcessPath!, ["kafka-decide", bootstrap, group, folder, $"{threads}"]) { RedirectStandardInput = true };

    /// <summary>
    /// On a broker that is there: loads the commands where its topics do not exist, and goes through them under a new name. For profiles.
    /// </summary>
    public static async Task MeasureAsync(string bootstrap, string folder, int threads, int commands, int entities)
    {
        await using var engine = Open(bootstrap, folder, threads);
        await using var runtime = DecidingRun.Of(BenchTicket.Topology, engine, Partitions);
        var log = runtime.Application.Commands(runtime.Application.Topology.Aggregates[0]);
        await runtime.PrepareAsync(CancellationToken.None);
        using (var reader = engine.Read(new TopicPartition(log, 0), 0))
        {
            if (reader.End < commands / 10)
            {
                await AggregateRun.LoadAsync(runtime.Captures[0], commands, entities);
            }
        }
        Console.WriteLine(
            await DecidingRun.MeasureAsync(engine, runtime, Renamed(runtime.Groups[0], $"profile-{Environment.ProcessId}"), commands)
        );
    }

    /// <summary>Decides under a group's name of its own, from the first command on.</summary>
    public static async Task RunAsync(string bootstrap, string name, string folder, int threads)
    {
        await using var engine = Open(bootstrap, folder, threads);
        await using var runtime = DecidingRun.Of(BenchTicket.Topology, engine, Partitions);
        await runtime.PrepareAsync(CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var running = engine.RunAsync(Renamed(runtime.Groups[0], name), stop.Token);
        await Task.WhenAny(running, Console.In.ReadToEndAsync());
        await stop.CancelAsync();
        await running;
    }

    private static ProcessorGroup Renamed(ProcessorGroup deciders, string name) =>
        new()
        {
            Name = name,
            Inputs = deciders.Inputs,
            Create = deciders.Create,
            Faulted = static (partition, failure) => Console.Error.WriteLine($"partition {partition}: {failure}"),
        };

    private static KafkaEngine Open(string bootstrap, string folder, int threads) =>
        KafkaEngine.Open(
            new KafkaOptions
            {
                BootstrapServers = bootstrap,
                Folder = folder,
                Prefix = Prefix,
                Threads = threads,
            }
        );
}
