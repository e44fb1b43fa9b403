using System.Diagnostics;
using Millrace.Engines;
using Millrace.Engines.Contract;

namespace Millrace.Embedded.Tests;

public sealed class DiskFullTests
{
    [Fact]
    public async Task A_full_disk_refuses_commits_whole_and_it_goes_on_when_there_is_room()
    {
        // The ballast is worth more than everything fed and what is written of it, however little was handled before the disk was full.
        using var disk = SmallDisk.Mount(megabytes: 96);
        var ballast = Path.Combine(disk.Path, "ballast");
        await File.WriteAllBytesAsync(ballast, new byte[68 << 20], TestContext.Current.CancellationToken);
        var world = new EmbeddedWorld(
            disk,
            path => new EmbeddedOptions
            {
                Folder = Path.Combine(path, "data"),
                ReserveBytes = 14 << 20,
                WriteBufferBytes = 1 << 20,
            }
        );
        await using var engine = new Closing(() => world.Engine.DisposeAsync());
        await world.Engine.CreateTopicsAsync([CrashWorkload.Input, CrashWorkload.Output], CancellationToken.None);
        long acknowledged = 0;
        var faults = new List<Exception>();
        var work = new CrashWorkload(1) { Padding = 30_000 };
        var groups = work.Groups(
            (_, _) => { },
            e =>
            {
                lock (faults)
                {
                    faults.Add(e);
                }
            }
        );
        await world.While(
            groups,
            async () =>
            {
                // More than once: what was written in the background meanwhile may have made a little room again.
                for (var i = 0; i < 4; i++)
                {
                    var full = await Assert.ThrowsAsync<EngineException>(() =>
                        work.Feed(world.Engine, next => acknowledged = next, int.MaxValue, CancellationToken.None)
                    );
                    Assert.Contains("full", full.Message);
                    Assert.Contains(disk.Path, full.Message);
                }
                File.Delete(ballast);
                await work.Feed(world.Engine, next => acknowledged = next, 200, CancellationToken.None);
                await world.Until(() => CrashWorkload.IsSettled(world), "everything folded");
            }
        );
        Assert.All(faults, e => Assert.Contains("full", Assert.IsType<EngineException>(e).Message));
        CrashWorkload.Audit(world, acknowledged, [-1, -1, -1]);
        await world.Restart();
        CrashWorkload.Audit(world, acknowledged, [-1, -1, -1]);
    }

    [Fact]
    public async Task A_disk_that_fills_in_spite_of_the_reserve_costs_a_restart_and_nothing_acknowledged()
    {
        using var disk = SmallDisk.Mount(megabytes: 24);
        var ballast = Path.Combine(disk.Path, "ballast");
        await File.WriteAllBytesAsync(ballast, new byte[10 << 20], TestContext.Current.CancellationToken);
        var options = new EmbeddedOptions
        {
            Folder = Path.Combine(disk.Path, "data"),
            ReserveBytes = 0,
            WriteBufferBytes = 256 << 10,
        };
        var world = new EmbeddedWorld(disk, _ => options);
        long acknowledged = 0;
        var work = new CrashWorkload(2) { Padding = 30_000 };
        try
        {
            await world.Engine.CreateTopicsAsync([CrashWorkload.Input, CrashWorkload.Output], CancellationToken.None);
            await world.While(
                work.Groups((_, _) => { }, _ => { }),
                async () =>
                {
                    var full = await Assert.ThrowsAsync<EngineException>(() =>
                        work.Feed(world.Engine, next => acknowledged = next, int.MaxValue, CancellationToken.None)
                    );
                    Assert.Contains("full", full.Message);
                }
            );
            File.Delete(ballast);
        }
        finally
        {
            // What it could not sync it says again here.
            await Xunit.Record.ExceptionAsync(async () => await world.Engine.DisposeAsync());
        }
        world = new EmbeddedWorld(disk, _ => options);
        await using var engine = new Closing(() => world.Engine.DisposeAsync());
        CrashWorkload.Audit(world, acknowledged, [-1, -1, -1]);
        await world.While(
            work.Groups((_, _) => { }, _ => { }),
            async () =>
            {
                await work.Feed(world.Engine, next => acknowledged = next, 20, CancellationToken.None);
                await world.Until(() => CrashWorkload.IsSettled(world), "everything folded");
            }
        );
        CrashWorkload.Audit(world, acknowledged, [-1, -1, -1]);
    }

    private sealed class Closing(Func<ValueTask> close) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => close();
    }

    /// <summary>A disk of a few megabytes, in memory.</summary>
    private sealed class SmallDisk : IFolder
    {
        private readonly TemporaryFolder _folder = new();

        public string Path => _folder.Path;

        public static SmallDisk Mount(int megabytes)
        {
            var disk = new SmallDisk();
            if (!OperatingSystem.IsLinux() || !Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", disk.Path))
            {
                disk._folder.Dispose();
                Assert.Skip("A small disk can be mounted only on Linux and by root.");
            }
            return disk;
        }

        public void Dispose()
        {
            Assert.True(Run("umount", Path), $"could not unmount {Path}");
            _folder.Dispose();
        }

        private static bool Run(string program, params string[] arguments)
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }
}
