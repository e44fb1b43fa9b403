using System.Diagnostics;
using System.Text;
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
        await using var runtime = DecidingRun.Of(BenchTicket.Topology, engine, partitions: 4);
        await runtime.PrepareAsync(CancellationToken.None);
        var watch = Stopwatch.StartNew();
        await LoadAsync(runtime.Captures[0], commands, entities);
        Console.WriteLine($"loaded {commands:N0} commands in {watch.Elapsed.TotalSeconds:F1} s");

        Console.WriteLine(
            $"commands {commands} entities {entities}: {await DecidingRun.MeasureAsync(engine, runtime, runtime.Groups[0], commands)}"
        );
    }

    /// <summary>The peers' commands, as a source would have written them.</summary>
    public static async Task LoadAsync(Capture capture, int commands, int entities)
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
            var length = DecidingRun.Write(row, cells, Columns, values);
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
}
