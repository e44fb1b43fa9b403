using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Embedded;
using Millrace.Engines;
using Millrace.Rocks;
using Millrace.Testing;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Diffs;

/// <summary>A replay beside the process that has the folder.</summary>
public sealed class ReplayBesideTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("millrace-beside-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_reads_the_folder_of_a_process_that_goes_on_writing()
    {
        await using var live = await Live.StartAsync(_folder);
        for (var round = 1; round <= 10; round++)
        {
            await live.WriteAsync(round);
            Assert.Equal(0, (await DiffAsync(Ward.Deployed)).Tally.Differences);
        }
        // As soon as it is on the disk it is seen, the last round too.
        var opened = 0L;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (opened < 1_000)
        {
            opened = (await DiffAsync(Ward.Deployed)).Tally.Types.GetValueOrDefault((ComparedLog.Events, "case", "case-opened"))?.Same ?? 0;
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), $"After a minute {opened} cases are seen.");
        }
        Assert.Equal(1_000, opened);
        // Of four one opens with severity 2, one comes down to it from 3, and two come up to it.
        Assert.Equal(250 + 250 + 500, Events(await DiffAsync(Ward.With(new Ward.Rules(HighFrom: 2)))));
    }

    [Fact]
    public async Task It_leaves_no_trace_in_the_folder()
    {
        await using (var live = await Live.StartAsync(_folder))
        {
            await live.WriteAsync(1);
            await live.SettledAsync();
        }
        var before = Listing();

        Assert.Equal(100, (await DiffAsync(Ward.Deployed)).Tally.Types[(ComparedLog.Events, "case", "case-opened")].Same);

        Assert.Equal(before, Listing());
    }

    [Fact]
    public async Task A_state_that_is_too_large_for_the_memory_gives_the_same_result()
    {
        await using (var live = await Live.StartAsync(_folder))
        {
            await live.WriteAsync(1);
            await live.SettledAsync();
        }
        var candidate = Ward.With(new Ward.Rules(HighFrom: 2));
        await using var reader = EmbeddedReader.Open(new EmbeddedOptions { Folder = _folder });
        var run = ReplayRun.Of(candidate, new MillraceOptions(), reader, static () => new RocksScratch(mostInMemory: 1), new Nothing());
        var onDisk = await new ReplayDiff(run, new ReplaySelection(), null, 1, 2).RunAsync(Stop);

        Assert.Equal(25 + 25 + 50, Events(onDisk));
        Assert.Equal(25 + 25 + 50, Events(await DiffAsync(candidate)));
    }

    [Fact]
    public async Task Where_nothing_is_recorded_it_says_so()
    {
        var failure = await Assert.ThrowsAsync<EngineException>(() => DiffAsync(Ward.Deployed));
        Assert.Contains(_folder, failure.Message, StringComparison.Ordinal);
        Assert.Empty(Listing());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<ReplayResult> DiffAsync(Topology candidate)
    {
        await using var reader = EmbeddedReader.Open(new EmbeddedOptions { Folder = _folder });
        var run = ReplayRun.Of(candidate, new MillraceOptions(), reader, static () => new RocksScratch(), new Nothing());
        return await new ReplayDiff(run, new ReplaySelection(), null, 1, 2).RunAsync(Stop);
    }

    private static long Events(ReplayResult result) =>
        result.Tally.Types.Where(type => type.Key.Log == ComparedLog.Events).Sum(type => type.Value.Differences.Sum());

    private List<string> Listing() =>
        [
            .. Directory
                .EnumerateFiles(_folder, "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(file =>
                    $"{file} {new FileInfo(file).Length} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Bytes(file)))}"
                ),
        ];

    private static byte[] Bytes(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private sealed class Nothing : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }

    /// <summary>The application as it runs: 100 cases a round, and each of them changed.</summary>
    private sealed class Live(IHost host) : IAsyncDisposable
    {
        private FakeSource Source => host.Services.GetRequiredService<FakeSource>();

        public static async Task<Live> StartAsync(string folder)
        {
            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { Args = ["--Millrace:Partitions=4"] });
            // No state is kept in memory for long, so that files come and go.
            builder.Configuration.AddInMemoryCollection([new("Millrace:Embedded:StateBytes", "0")]);
            builder.AddMillrace(Ward.Deployed).UseEmbedded(folder).UseFakeSource().UseSettings<Patience>("Patience");
            var live = new Live(builder.Build());
            await live.StartAsync();
            return live;
        }

        public async Task WriteAsync(int round)
        {
            for (var i = 0; i < 100; i++)
            {
                var row = new CaseRow((round * 1000) + i, $"case {i}", i % 4);
                await Source.Commit(Insert(row), Update(row with { Severity = 2 }));
            }
        }

        public Task SettledAsync() => Source.Settled(Stop);

        public async ValueTask DisposeAsync()
        {
            await host.StopAsync(Stop);
            await ((IAsyncDisposable)host).DisposeAsync();
        }

        private Task StartAsync() => host.StartAsync(Stop);
    }
}
