using System.Diagnostics;
using System.Globalization;
using Millrace.Engines.Contract;

namespace Millrace.Embedded.Tests;

public sealed class CrashTests
{
    /// <summary>How many times the process is killed.</summary>
    private static readonly int Kills = int.Parse(
        Environment.GetEnvironmentVariable("MILLRACE_KILLS") ?? "12",
        CultureInfo.InvariantCulture
    );

    [Fact]
    public async Task Killed_at_any_moment_it_keeps_a_prefix_and_all_that_was_acknowledged()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(3);
        long acknowledged = 0;
        long[] seen = [-1, -1, -1];
        for (var kill = 0; kill < Kills; kill++)
        {
            using var child = Process.Start(
                new ProcessStartInfo(Environment.ProcessPath!, ["crash", folder.Path, $"{kill}"]) { RedirectStandardOutput = true }
            )!;
            var lines = random.Next(1, 60);
            while (await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                var words = line.Split(' ');
                switch (words[0])
                {
                    case "acknowledged":
                        acknowledged = long.Parse(words[1], CultureInfo.InvariantCulture);
                        break;
                    case "seen":
                        var partition = int.Parse(words[1], CultureInfo.InvariantCulture);
                        seen[partition] = long.Parse(words[2], CultureInfo.InvariantCulture);
                        break;
                    case "fault":
                        Assert.Fail(line + await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
                        break;
                }
                if (lines-- == 0)
                {
                    // SIGKILL; what it still said before counts, and is read to the end.
                    child.Kill();
                }
            }
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            var world = new EmbeddedWorld(folder, path => CrashChild.Options(path, kill));
            await using (world.Engine)
            {
                CrashWorkload.Audit(world, acknowledged, seen);
            }
        }
        Assert.True(acknowledged > 0 || Kills == 0);
    }

    [Fact]
    public async Task A_power_cut_that_loses_the_end_of_the_log_leaves_a_consistent_prefix()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(4);
        for (var cut = 0; cut < Kills; cut++)
        {
            using var child = Process.Start(
                new ProcessStartInfo(Environment.ProcessPath!, ["crash", folder.Path, $"{cut * 2}"]) { RedirectStandardOutput = true }
            )!;
            for (
                var lines = random.Next(1, 40);
                lines > 0 && await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is not null;
                lines--
            ) { }
            child.Kill();
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            var log = new DirectoryInfo(folder.Path).EnumerateFiles("*.log").OrderBy(f => f.Name, StringComparer.Ordinal).Last();
            using (var file = log.Open(FileMode.Open))
            {
                // A part of the last log is gone, or never reached the disk as it was written.
                var kept = random.NextInt64(file.Length + 1);
                if (cut % 2 == 0)
                {
                    file.SetLength(kept);
                }
                else
                {
                    var rest = new byte[file.Length - kept];
                    file.Position = kept;
                    file.Write(rest);
                }
            }
            var world = new EmbeddedWorld(folder, path => CrashChild.Options(path, cut * 2));
            await using (world.Engine)
            {
                CrashWorkload.Audit(world, 0, [-1, -1, -1]);
            }
        }
    }
}
