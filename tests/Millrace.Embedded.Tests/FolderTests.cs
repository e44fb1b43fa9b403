using System.Diagnostics;
using Millrace.Engines;
using Millrace.Engines.Contract;

namespace Millrace.Embedded.Tests;

public sealed class FolderTests
{
    [Fact]
    public async Task A_second_engine_on_a_folder_is_refused_and_told_who_has_it()
    {
        using var folder = new TemporaryFolder();
        var options = new EmbeddedOptions { Folder = folder.Path };
        await using (EmbeddedEngine.Open(options))
        {
            var refused = Assert.Throws<EngineException>(() => EmbeddedEngine.Open(options));
            Assert.Contains(folder.Path, refused.Message);
            Assert.Contains($"process {Environment.ProcessId} ", refused.Message);
        }
        await using var again = EmbeddedEngine.Open(options);
    }

    [Fact]
    public async Task A_second_process_on_a_folder_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var child = Process.Start(
            new ProcessStartInfo(Environment.ProcessPath!, ["crash", folder.Path, "0"]) { RedirectStandardOutput = true }
        )!;
        try
        {
            Assert.Equal("running", await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
            var refused = Assert.Throws<EngineException>(() => EmbeddedEngine.Open(new EmbeddedOptions { Folder = folder.Path }));
            Assert.Contains($"process {child.Id} ", refused.Message);
        }
        finally
        {
            child.Kill();
            await child.WaitForExitAsync(CancellationToken.None);
        }
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_refused()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "file");
        File.WriteAllText(file, "");
        var refused = Assert.Throws<EngineException>(() =>
            EmbeddedEngine.Open(new EmbeddedOptions { Folder = Path.Combine(file, "data") })
        );
        Assert.Contains(file, refused.Message);
    }

    [Fact]
    public async Task What_is_used_after_the_engine_was_disposed_says_so()
    {
        using var folder = new TemporaryFolder();
        var engine = EmbeddedEngine.Open(new EmbeddedOptions { Folder = folder.Path, TailBytes = 1 });
        var topic = new Topic("t", 1);
        await engine.CreateTopicsAsync([topic], CancellationToken.None);
        var appender = engine.OpenAppender("a");
        for (var i = 0; i < 3; i++)
        {
            var commit = appender.Begin();
            commit.Append(new(topic, 0), 0, default, default, "v"u8);
            commit.Put([(byte)i], "v"u8);
            await appender.CommitAsync(commit, durable: true, CancellationToken.None);
        }
        var transaction = appender.Begin();
        transaction.Put("k"u8, "v"u8);
        var reader = engine.Read(new(topic, 0), 0);
        var state = engine.OpenState("a", 0);
        var cursor = state.Range(default, default);
        Assert.True(cursor.MoveNext());
        await engine.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
            await appender.CommitAsync(transaction, durable: true, CancellationToken.None)
        );
        Assert.Throws<ObjectDisposedException>(() => reader.TryRead(10, out _));
        Assert.Throws<ObjectDisposedException>(() => state.TryGet("never read"u8, out _));
        Assert.Throws<ObjectDisposedException>(() => engine.OpenAppender("b"));
        cursor.Dispose();
        reader.Dispose();
        await engine.DisposeAsync();
    }
}
