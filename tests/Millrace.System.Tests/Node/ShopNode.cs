using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.SystemTests.Domain;

namespace Millrace.SystemTests.Node;

/// <summary>
/// The millrace beside the orders, as a process: <c>node CONNECTION FOLDER BOOTSTRAP PREFIX</c>, the last two empty on the embedded engine. It answers lines on its input: <c>status</c>, <c>commands</c>, <c>rows</c>,
/// <c>summaries</c>, <c>events</c>, <c>copy FILE</c>, <c>stop</c>. What it says on its errors is its log.
/// </summary>
internal static class ShopNode
{
    public const int Partitions = 4;

    public static async Task<int> RunAsync(string[] args)
    {
        var (connection, folder, bootstrap, prefix) = (args[0], args[1], args[2], args[3]);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["ConnectionStrings:shop"] = connection,
                ["Millrace:Partitions"] = $"{Partitions}",
                ["Millrace:Embedded:Folder"] = folder,
                ["Millrace:Kafka:Folder"] = folder,
                ["Millrace:Kafka:BootstrapServers"] = bootstrap,
                ["Millrace:Kafka:Prefix"] = prefix,
                ["Millrace:Kafka:SessionTimeout"] = "00:00:06",
            }
        );
        builder.Logging.AddSimpleConsole(options => options.SingleLine = true);
        builder.Logging.AddFilter(level => level >= LogLevel.Information);
        builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(options =>
            options.LogToStandardErrorThreshold = LogLevel.Trace
        );
        var millrace = builder.AddMillrace(Orders.Topology).UseMySql("shop");
        _ = bootstrap.Length > 0 ? millrace.UseKafka() : millrace.UseEmbedded();
        using var host = builder.Build();
        try
        {
            await host.StartAsync();
        }
        catch (MillraceStartException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
        var runtime = host.Services.GetRequiredService<Runtime>();
        await runtime.Started;
        Console.WriteLine("started");
        while (await Console.In.ReadLineAsync() is { } line and not "stop")
        {
            switch (line)
            {
                case "status":
                    Console.WriteLine(Status(runtime.Status()));
                    break;
                case "summaries":
                    foreach (var (key, document) in runtime.View<OrderSummary>().All())
                    {
                        Console.WriteLine(
                            string.Create(
                                CultureInfo.InvariantCulture,
                                $"{key}|{document!.Status}|{document.Discount:F4}|{document.Lines}|{document.Amount:F2}|{document.Notes}"
                            )
                        );
                    }
                    break;
                case var ask when ask.StartsWith("story ", StringComparison.Ordinal):
                    Story(runtime, ask[6..]);
                    break;
                case "events":
                    Events(runtime);
                    break;
                case "commands":
                    Console.WriteLine(Commands(runtime));
                    break;
                case "rows":
                    Console.WriteLine(runtime.Captures[0].Rows);
                    break;
                case var ask when ask.StartsWith("copy ", StringComparison.Ordinal):
                    Copy(runtime, ask[5..]);
                    break;
            }
            Console.WriteLine(".");
        }
        await host.StopAsync();
        return 0;
    }

    /// <summary>position|head|lag in records over all stages|held|waiting|events|problem</summary>
    private static string Status(RuntimeStatus status)
    {
        var source = status.Sources[0];
        var lag = status.Partitions.Sum(partition => partition.Lag) + status.Views.Sum(view => view.Lag);
        var snapshots = source.Status?.Snapshots.Count ?? 0;
        return $"{source.Status?.Position}|{source.Status?.Head}|{source.Status?.LagMicroseconds}|{lag}|{snapshots}|{status.Partitions.Sum(p => p.Held)}|{status.Partitions.Sum(p => p.WaitingRows)}|{status.Partitions.Sum(p => p.Events)}|{(source.Fault ?? source.Status?.Problem)?.ReplaceLineEndings(" ")}";
    }

    /// <summary>Every command and event of an entity, to see where a failed comparison began.</summary>
    private static void Story(Runtime runtime, string entity)
    {
        var key = System.Text.Encoding.UTF8.GetBytes(entity);
        var partition = Slots.PartitionOf(key, Partitions);
        foreach (var log in (Topic[])[runtime.Application.Commands(Order.Definition), runtime.Application.Events(Order.Definition)])
        {
            using var reader = runtime.Engine.Read(new TopicPartition(log, partition), 0);
            while (reader.TryRead(1024, out var batch))
            {
                foreach (var record in batch.Records.Span)
                {
                    if (record.Key.Span.SequenceEqual(key))
                    {
                        var headers = new RecordHeaders(record.Headers.Span);
                        var id = System.Text.Encoding.UTF8.GetString(headers[Header.Id]);
                        var cause = System.Text.Encoding.UTF8.GetString(headers[Header.CausationId]);
                        Console.WriteLine(
                            $"{log.Name}@{record.Offset} {id} < {cause} {System.Text.Encoding.UTF8.GetString(record.Value.Span)}"
                        );
                    }
                }
            }
        }
    }

    /// <summary>How many records the command log has.</summary>
    private static long Commands(Runtime runtime)
    {
        var log = runtime.Application.Commands(Order.Definition);
        return Enumerable.Range(0, log.Partitions).Sum(EndOf);

        long EndOf(int partition)
        {
            using var reader = runtime.Engine.Read(new TopicPartition(log, partition), 0);
            return reader.End;
        }
    }

    /// <summary>For each partition of the event log: how many records, and a hash over every byte of them in order.</summary>
    private static void Events(Runtime runtime)
    {
        for (var partition = 0; partition < Partitions; partition++)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var count = 0;
            ForEach(
                runtime,
                partition,
                record =>
                {
                    count++;
                    hash.AppendData(BitConverter.GetBytes(record.Time));
                    hash.AppendData(record.Key.Span);
                    hash.AppendData(record.Headers.Span);
                    hash.AppendData(record.Value.Span);
                }
            );
            Console.WriteLine($"{partition}|{count}|{Convert.ToHexStringLower(hash.GetHashAndReset())}");
        }
    }

    /// <summary>Writes the event log to a file, a line a record: partition, time, entity, headers and value, every byte of them.</summary>
    private static void Copy(Runtime runtime, string path)
    {
        using var file = new StreamWriter(path);
        for (var partition = 0; partition < Partitions; partition++)
        {
            ForEach(
                runtime,
                partition,
                record =>
                    file.Write(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{partition}\t{record.Time}\t{Text(record.Key)}\t{Headers(record.Headers)}\t{Text(record.Value)}\n"
                        )
                    )
            );
        }

        static string Text(ReadOnlyMemory<byte> bytes) => System.Text.Encoding.UTF8.GetString(bytes.Span);

        static string Headers(ReadOnlyMemory<byte> packed)
        {
            var text = new System.Text.StringBuilder();
            foreach (var header in new RecordHeaders(packed.Span))
            {
                text.Append($"{header.Header}={System.Text.Encoding.UTF8.GetString(header.Value)};");
            }
            return text.ToString();
        }
    }

    private static void ForEach(Runtime runtime, int partition, Action<Engines.Record> act)
    {
        using var reader = runtime.Engine.Read(new TopicPartition(runtime.Application.Events(Order.Definition), partition), 0);
        while (reader.TryRead(1024, out var batch))
        {
            foreach (var record in batch.Records.Span)
            {
                // Controls are written by the clock of this process: when a snapshot ended, which code ran.
                if (new RecordHeaders(record.Headers.Span).Kind != RecordKind.Control)
                {
                    act(record);
                }
            }
        }
    }
}
