using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace.Harness;

/// <summary>
/// The ticket aggregate over commands already in the log: the peers' commands (the same generator with the same seed), 4 partitions, a commit
/// synced every 10 ms. Reports commands/s from the start of the deciding group to its last commit, and what was allocated.
/// </summary>
internal static class AggregateRun
{
    private static readonly string[] Status = ["new", "open", "stalled", "resolved", "rejected"];
    private static readonly string[] Columns = ["ticket_id", "status", "priority", "assignee", "subject", "updated_at"];

    public static async Task RunAsync(string folder, int commands, int entities)
    {
        await using var engine = EmbeddedEngine.Open(new EmbeddedOptions { Folder = folder });
        await using var runtime = new Runtime(
            BenchTicket.Topology,
            new MillraceOptions { Partitions = 4 },
            engine,
            [new Standing()],
            new Dictionary<Type, object>(),
            new NoServices(),
            TimeProvider.System,
            NullLogger.Instance
        );
        await runtime.PrepareAsync(CancellationToken.None);
        var watch = Stopwatch.StartNew();
        await LoadAsync(runtime.Captures[0], commands, entities);
        Console.WriteLine($"loaded {commands:N0} commands in {watch.Elapsed.TotalSeconds:F1} s");

        var log = runtime.Application.Commands(BenchTicket.Definition);
        var ends = new long[log.Partitions];
        for (var p = 0; p < ends.Length; p++)
        {
            using var reader = engine.Read(new TopicPartition(log, p), 0);
            ends[p] = reader.End;
        }
        var group = runtime.Groups[0];
        using var stop = new CancellationTokenSource();
        GC.Collect();
        var before = GC.GetTotalAllocatedBytes();
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        watch.Restart();
        var running = engine.RunAsync(group, stop.Token);
        while (Enumerable.Range(0, ends.Length).Any(p => engine.CommittedOffset(group.Name, new TopicPartition(log, p)) < ends[p]))
        {
            await Task.Delay(10);
        }
        var seconds = watch.Elapsed.TotalSeconds;
        var allocated = GC.GetTotalAllocatedBytes() - before;
        var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        await stop.CancelAsync();
        await running;
        var events = runtime.Status().Partitions.Sum(partition => partition.Events);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"commands {commands} entities {entities} partitions {ends.Length}: {commands / seconds:F0} commands/s, {seconds:F2} s, {events} events, {used.TotalSeconds:F1} s of processor, {allocated / (double)commands:F0} B allocated a command"
            )
        );
    }

    private static async Task LoadAsync(Capture capture, int commands, int entities)
    {
        var table = capture.Bind(capture.Tables[0], Columns, []);
        var cells = new RowCell[Columns.Length];
        var row = new byte[512];
        ulong r = 42;
        var batch = capture.Begin();
        for (var i = 0; i < commands; i++)
        {
            r = unchecked(r * 6364136223846793005UL + 1442695040888963407UL);
            var id = (int)((long)(r >> 33) % entities);
            var x = (int)((r >> 20) & 1023);
            var values = (string[])
                [
                    $"{id}",
                    $"\"{Status[x % 5]}\"",
                    $"{x / 5 % 4}",
                    $"\"agent{x / 20 % 30}\"",
                    $"\"Cannot log in to the store since Monday #{id}\"",
                    $"{1795430413000L + i}",
                ];
            var length = Write(row, cells, values);
            batch.BeginTransaction(Encoding.UTF8.GetBytes($"0-1-{i}"), new SourcePosition(1, 1, i + 1), (1795430413000L + i) * 1000);
            batch.Insert(table, new RowImage(row.AsSpan(0, length), cells));
            batch.End();
            if (batch.Bytes > 256 * 1024)
            {
                await batch.CommitAsync(CancellationToken.None);
                batch = capture.Begin();
            }
        }
        await batch.CommitAsync(CancellationToken.None);
    }

    private static int Write(byte[] row, RowCell[] cells, string[] values)
    {
        var at = 0;
        for (var c = 0; c < values.Length; c++)
        {
            at += Encoding.UTF8.GetBytes($"{(c == 0 ? '{' : ',')}\"{Columns[c]}\":", row.AsSpan(at));
            var length = Encoding.UTF8.GetBytes(values[c], row.AsSpan(at));
            cells[c] = new RowCell(at, length);
            at += length;
        }
        row[at++] = (byte)'}';
        return at;
    }

    private sealed class Standing : ISource
    {
        public string Name => "bench";

        public Task RunAsync(ICapture capture, CancellationToken cancellation) => Task.CompletedTask;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
