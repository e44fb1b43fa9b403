using System.Diagnostics;
using Millrace.Engines;

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
}
