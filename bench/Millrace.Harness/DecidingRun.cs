using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace.Harness;

/// <summary>A runtime whose commands are in the log already, and the measure of its deciding group over them.</summary>
internal static class DecidingRun
{
    public static Runtime Of(Topology topology, IEngine engine, int partitions) =>
        new(
            topology,
            new MillraceOptions { Partitions = partitions },
            engine,
            [new Standing()],
            new Dictionary<Type, object>(),
            new NoServices(),
            TimeProvider.System,
            NullLogger.Instance
        );

    /// <summary>From the start of the deciding group to its last commit: commands/s, seconds of processor, bytes allocated.</summary>
    public static async Task<string> MeasureAsync(IEngine engine, Runtime runtime, ProcessorGroup group, int commands)
    {
        var log = runtime.Application.Commands(runtime.Application.Topology.Aggregates[0]);
        var ends = new long[log.Partitions];
        for (var p = 0; p < ends.Length; p++)
        {
            using var reader = engine.Read(new TopicPartition(log, p), 0);
            ends[p] = reader.End;
        }
        using var stop = new CancellationTokenSource();
        GC.Collect();
        var before = GC.GetTotalAllocatedBytes();
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var watch = Stopwatch.StartNew();
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
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{commands / seconds:F0} commands/s, {seconds:F2} s over {ends.Length} partitions, {events} events, {used.TotalSeconds:F1} s of processor ({used.TotalMicroseconds / commands:F2} µs a command), {allocated / (double)commands:F0} B allocated a command"
        );
    }

    /// <summary>A row's canonical JSON, of values that are JSON already.</summary>
    public static int Write(byte[] row, RowCell[] cells, string[] columns, string[] values)
    {
        var at = 0;
        for (var c = 0; c < values.Length; c++)
        {
            at += Encoding.UTF8.GetBytes($"{(c == 0 ? '{' : ',')}\"{columns[c]}\":", row.AsSpan(at));
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
