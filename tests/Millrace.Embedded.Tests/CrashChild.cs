using Millrace.Engines;
using Millrace.Engines.Contract;

namespace Millrace.Embedded.Tests;

/// <summary>Works in a folder until it is killed, and says on its output what was promised to whom.</summary>
internal static class CrashChild
{
    public static async Task<int> Run(string folder, int seed)
    {
        var engine = EmbeddedEngine.Open(Options(folder, seed));
        await engine.CreateTopicsAsync([CrashWorkload.Input, CrashWorkload.Output], CancellationToken.None);
        var work = new CrashWorkload(seed);
        var output = Console.Out;
        void Say(string line)
        {
            lock (output)
            {
                output.WriteLine(line);
                output.Flush();
            }
        }
        foreach (var group in work.Groups((partition, offset) => Say($"seen {partition} {offset}"), e => Say($"fault {e}")))
        {
            _ = engine.RunAsync(group, CancellationToken.None);
        }
        Say("running");
        await work.Feed(engine, next => Say($"acknowledged {next}"), int.MaxValue, CancellationToken.None);
        return 1;
    }

    /// <summary>Every other time with next to no memory, so that checkpoints and flushes are among what is killed.</summary>
    public static EmbeddedOptions Options(string folder, int seed) =>
        seed % 2 == 0
            ? new EmbeddedOptions { Folder = folder }
            : new EmbeddedOptions
            {
                Folder = folder,
                TailBytes = 1,
                StateBytes = 0,
                WriteBufferBytes = 64 << 10,
            };
}
