using System.Diagnostics;
using System.Globalization;
using Millrace.Embedded;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Harness;

/// <summary>
/// A log of the ticket aggregate, decided once, and then replayed and compared as <c>replay diff</c> does it: opened for reading, the same code. Reports
/// commands/s, seconds of processor, what was allocated, and the most memory the process had.
/// </summary>
internal static class ReplayBench
{
    public static async Task RunAsync(string folder, int commands, int entities, int rounds)
    {
        await using (var engine = EmbeddedEngine.Open(new EmbeddedOptions { Folder = folder }))
        {
            await using var runtime = DecidingRun.Of(BenchTicket.Topology, engine, partitions: 4);
            await runtime.PrepareAsync(CancellationToken.None);
            await AggregateRun.LoadAsync(runtime.Captures[0], commands, entities);
            Console.WriteLine($"decided: {await DecidingRun.MeasureAsync(engine, runtime, runtime.Groups[0], commands)}");
        }
        for (var round = 0; round < rounds; round++)
        {
            GC.Collect();
            var before = GC.GetTotalAllocatedBytes();
            using var process = Process.GetCurrentProcess();
            var cpu = process.TotalProcessorTime;
            await using var reader = EmbeddedReader.Open(new EmbeddedOptions { Folder = folder });
            var run = ReplayRun.Of(BenchTicket.Topology, new MillraceOptions(), reader, static () => new RocksScratch(), new Nothing());
            var result = await new ReplayDiff(run, new ReplaySelection(), null, 1, Environment.ProcessorCount).RunAsync(
                CancellationToken.None
            );
            process.Refresh();
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"replayed: {result.Commands / result.Elapsed.TotalSeconds:F0} commands/s, {result.Elapsed.TotalSeconds:F2} s, {result.Tally.Types.Values.Sum(type => type.Same)} events the same, {result.Tally.Differences} differences, {(process.TotalProcessorTime - cpu).TotalMicroseconds / result.Commands:F2} µs of processor and {(GC.GetTotalAllocatedBytes() - before) / (double)result.Commands:F0} B allocated a command, {process.PeakWorkingSet64 >> 20} MB at most"
                )
            );
        }
    }

    private sealed class Nothing : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
