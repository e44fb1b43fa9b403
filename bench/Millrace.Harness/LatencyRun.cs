using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Engines;
using MySqlConnector;

namespace Millrace.Harness;

/// <summary>
/// From just before COMMIT is sent to the event being readable in the event log, at a steady rate of one-row transactions, through the whole chain: server,
/// binlog, capture, decision, embedded engine. Reports p50, p99 and the largest.
/// </summary>
internal static class LatencyRun
{
    private const int Warmup = 2_000;

    public static async Task RunAsync(string folder, string connectionString, int rate, int seconds)
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
            var of = new MySqlConnectionStringBuilder(connectionString) { Database = database }.ConnectionString;
            await MeasureAsync(folder, of, rate, seconds);
        }
        finally
        {
            await ExecuteAsync(admin, $"DROP DATABASE {database}");
        }
    }

    private static async Task MeasureAsync(string folder, string connectionString, int rate, int seconds)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["ConnectionStrings:bench"] = connectionString,
                ["Millrace:Partitions"] = "4",
                ["Millrace:Embedded:Folder"] = folder,
            }
        );
        builder.AddMillrace(BenchTicket.Topology).UseMySql("bench").UseEmbedded();
        using var host = builder.Build();
        await host.StartAsync();
        var runtime = host.Services.GetRequiredService<Runtime>();
        await runtime.Started;
        var count = Warmup + rate * seconds;
        var sent = new long[count];
        var seen = new long[count];
        var arrived = 0;
        using var stop = new CancellationTokenSource();
        var log = runtime.Application.Events(BenchTicket.Definition);
        var readers = Enumerable.Range(0, log.Partitions).Select(p => Task.Run(() => ReadAsync(p))).ToArray();

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
            sent[i] = Stopwatch.GetTimestamp();
            await ExecuteAsync(connection, "COMMIT");
        }
        var achieved = count / Stopwatch.GetElapsedTime(began).TotalSeconds;
        var deadline = Stopwatch.StartNew();
        while (Volatile.Read(ref arrived) < count && deadline.Elapsed.TotalSeconds < 30)
        {
            await Task.Delay(10);
        }
        await stop.CancelAsync();
        await Task.WhenAll(readers);
        var times = Enumerable
            .Range(Warmup, count - Warmup)
            .Where(i => seen[i] > 0)
            .Select(i => (seen[i] - sent[i]) * 1000.0 / Stopwatch.Frequency)
            .Order()
            .ToArray();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"rate {achieved:F0} rows/s ({late} sent late), {times.Length} of {count - Warmup} events seen: p50 {times[times.Length / 2]:F2} ms, p99 {times[times.Length * 99 / 100]:F2} ms, largest {times[^1]:F2} ms"
            )
        );
        await host.StopAsync();

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
                        if (
                            new RecordHeaders(record.Headers.Span).Kind == RecordKind.Message
                            && long.TryParse(Encoding.UTF8.GetString(record.Key.Span), out var id)
                        )
                        {
                            seen[id] = now;
                            Interlocked.Increment(ref arrived);
                        }
                    }
                }
                try
                {
                    await reader.WaitAsync(stop.Token);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    private static async Task ExecuteAsync(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
