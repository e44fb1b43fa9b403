using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Engines;
using MySqlConnector;
using TopicPartition = Millrace.Engines.TopicPartition;

namespace Millrace.Harness;

/// <summary>
/// From just before COMMIT is sent to the event being readable in the event log, at a steady rate of one-row transactions, through the whole chain: server,
/// binlog, capture, decision, engine. Reports p50, p99 and the largest.
/// </summary>
internal static class LatencyRun
{
    private const int Warmup = 2_000;

    /// <summary>When each row was sent and its event was seen.</summary>
    public sealed class Arrivals(int count)
    {
        private readonly long[] sent = new long[count];
        private readonly long[] seen = new long[count];
        private int arrived;

        public int Arrived => Volatile.Read(ref arrived);

        public void Send(int id) => sent[id] = Stopwatch.GetTimestamp();

        /// <summary>An event with this key can be read.</summary>
        public void See(ReadOnlySpan<byte> key, long at)
        {
            if (Utf8Parser.TryParse(key, out int id, out var used) && used == key.Length)
            {
                seen[id] = at;
                Interlocked.Increment(ref arrived);
            }
        }

        /// <summary>How long each took, in milliseconds, the shortest first.</summary>
        public double[] Times(int from) =>
            [
                .. Enumerable
                    .Range(from, count - from)
                    .Where(id => seen[id] > 0)
                    .Select(id => (seen[id] - sent[id]) * 1000.0 / Stopwatch.Frequency)
                    .Order(),
            ];
    }

    /// <summary>On the embedded engine, by its own readers.</summary>
    public static Task RunAsync(string folder, string connectionString, int rate, int seconds) =>
        RunAsync(
            connectionString,
            rate,
            seconds,
            new Dictionary<string, string?> { ["Millrace:Embedded:Folder"] = folder },
            static application => application.UseEmbedded(),
            ReadOwnAsync
        );

    /// <summary>On the Kafka engine and a broker of its own, by a consumer that knows nothing of it.</summary>
    public static async Task RunOnKafkaAsync(string folder, string connectionString, int rate, int seconds)
    {
        await using var broker = await KafkaServer.StartAsync(Path.Combine(folder, "broker"));
        await RunAsync(
            connectionString,
            rate,
            seconds,
            new Dictionary<string, string?>
            {
                ["Millrace:Kafka:BootstrapServers"] = broker.Bootstrap,
                ["Millrace:Kafka:Folder"] = Path.Combine(folder, "state"),
            },
            static application => application.UseKafka(),
            (runtime, arrivals, stop) =>
                Task.Factory.StartNew(
                    () => Consume(broker.Bootstrap, runtime, arrivals, stop),
                    CancellationToken.None,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default
                )
        );
    }

    private static async Task RunAsync(
        string connectionString,
        int rate,
        int seconds,
        Dictionary<string, string?> engine,
        Action<MillraceBuilder> use,
        Func<Runtime, Arrivals, CancellationToken, Task> read
    )
    {
        var database = $"millrace_latency_{Environment.ProcessId}";
        await using var admin = new MySqlConnection(connectionString);
        await admin.OpenAsync();
        await ExecuteAsync(admin, $"CREATE DATABASE {database}");
        try
        {
            await ExecuteAsync(
                admin,
                $"CREATE TABLE {database}.tickets (ticket_id BIGINT PRIMARY KEY, status VARCHAR(20) NOT NULL, priority INT NOT NULL, assignee VARCHAR(40) NOT NULL, subject VARCHAR(200) NOT NULL, updated_at BIGINT NOT NULL)"
            );
            engine["ConnectionStrings:bench"] = new MySqlConnectionStringBuilder(connectionString) { Database = database }.ConnectionString;
            engine["Millrace:Partitions"] = "4";
            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
            builder.Configuration.AddInMemoryCollection(engine);
            use(builder.AddMillrace(BenchTicket.Topology).UseMySql("bench"));
            using var host = builder.Build();
            await host.StartAsync();
            await MeasureAsync(host.Services.GetRequiredService<Runtime>(), engine["ConnectionStrings:bench"]!, rate, seconds, read);
            await host.StopAsync();
        }
        finally
        {
            await ExecuteAsync(admin, $"DROP DATABASE {database}");
        }
    }

    private static async Task MeasureAsync(
        Runtime runtime,
        string connectionString,
        int rate,
        int seconds,
        Func<Runtime, Arrivals, CancellationToken, Task> read
    )
    {
        await runtime.Started;
        var count = Warmup + rate * seconds;
        var arrivals = new Arrivals(count);
        using var stop = new CancellationTokenSource();
        var reading = read(runtime, arrivals, stop.Token);

        await using var connection = new MySqlConnection(connectionString);
        await connection.OpenAsync();
        await using var insert = new MySqlCommand(
            "INSERT INTO tickets VALUES (@id, 'new', 1, 'agent1', 'Cannot log in to the store since Monday', 1)",
            connection
        );
        insert.Parameters.Add("@id", MySqlDbType.Int64);
        await insert.PrepareAsync();
        var interval = Stopwatch.Frequency / (double)rate;
        var began = Stopwatch.GetTimestamp();
        var late = 0;
        for (var i = 0; i < count; i++)
        {
            var due = began + (long)(i * interval);
            if (Stopwatch.GetTimestamp() > due + Stopwatch.Frequency / 10)
            {
                late++;
            }
            SpinWait.SpinUntil(() => Stopwatch.GetTimestamp() >= due);
            await ExecuteAsync(connection, "BEGIN");
            insert.Parameters[0].Value = (long)i;
            await insert.ExecuteNonQueryAsync();
            arrivals.Send(i);
            await ExecuteAsync(connection, "COMMIT");
        }
        var achieved = count / Stopwatch.GetElapsedTime(began).TotalSeconds;
        var deadline = Stopwatch.StartNew();
        while (arrivals.Arrived < count && deadline.Elapsed.TotalSeconds < 30)
        {
            await Task.Delay(10);
        }
        await stop.CancelAsync();
        await reading;
        var times = arrivals.Times(Warmup);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"rate {achieved:F0} rows/s ({late} sent late), {times.Length} of {count - Warmup} events seen: p50 {times[times.Length / 2]:F2} ms, p99 {times[times.Length * 99 / 100]:F2} ms, largest {times[^1]:F2} ms"
            )
        );
    }

    private static Task ReadOwnAsync(Runtime runtime, Arrivals arrivals, CancellationToken stop)
    {
        var log = runtime.Application.Events(BenchTicket.Definition);
        return Task.WhenAll(Enumerable.Range(0, log.Partitions).Select(p => Task.Run(() => ReadAsync(p), CancellationToken.None)));

        async Task ReadAsync(int partition)
        {
            using var reader = runtime.Engine.Read(new TopicPartition(log, partition), 0);
            while (!stop.IsCancellationRequested)
            {
                while (reader.TryRead(1024, out var batch))
                {
                    var now = Stopwatch.GetTimestamp();
                    foreach (var record in batch.Records.Span)
                    {
                        if (new RecordHeaders(record.Headers.Span).Kind == RecordKind.Message)
                        {
                            arrivals.See(record.Key.Span, now);
                        }
                    }
                }
                try
                {
                    await reader.WaitAsync(stop);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    /// <summary>What a reader of committed records sees, when the client hands it over.</summary>
    private static void Consume(string bootstrap, Runtime runtime, Arrivals arrivals, CancellationToken stop)
    {
        var log = runtime.Application.Events(BenchTicket.Definition);
        using var consumer = new ConsumerBuilder<byte[], Ignore>(
            new ConsumerConfig
            {
                BootstrapServers = bootstrap,
                GroupId = "harness",
                EnableAutoCommit = false,
                IsolationLevel = IsolationLevel.ReadCommitted,
            }
        ).Build();
        consumer.Assign(
            Enumerable
                .Range(0, log.Partitions)
                .Select(partition => new TopicPartitionOffset(new Confluent.Kafka.TopicPartition(log.Name, partition), Offset.Beginning))
        );
        while (!stop.IsCancellationRequested)
        {
            if (consumer.Consume(100) is { Message.Key: { Length: > 0 } key })
            {
                arrivals.See(key, Stopwatch.GetTimestamp());
            }
        }
    }

    private static async Task ExecuteAsync(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
