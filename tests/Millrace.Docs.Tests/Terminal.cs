using System.Diagnostics;
using System.Text;

namespace Millrace.Docs.Tests;

/// <summary>A terminal as a reader of the page has it: bash in the folder that holds the clone.</summary>
sealed class Terminal : IAsyncDisposable
{
    const string Done = "-- the block is done --";

    readonly Process process;
    readonly StringBuilder output = new();
    int told;

    Terminal(Process process)
    {
        this.process = process;
        _ = ReadAsync(process.StandardOutput);
        _ = ReadAsync(process.StandardError);
    }

    /// <summary>One that takes block after block, and remembers variables from one to the next.</summary>
    public static Terminal Open(string folder) => Start(folder, "-e", "-o", "pipefail");

    /// <summary>One in which a block goes on running.</summary>
    public static Terminal Open(string folder, string block) => Start(folder, "-e", Save(folder, block));

    public string Output
    {
        get
        {
            lock (output)
            {
                return output.ToString();
            }
        }
    }

    /// <summary>Runs a block to its end. A command of it that fails ends the terminal, and so the test.</summary>
    public async Task RunAsync(string folder, string block)
    {
        told = Output.Length;
        await TypeAsync($". '{Save(folder, block)}' </dev/null; echo; echo '{Done}'\n");
        await Until.TrueAsync(
            () => Rest().Contains(Done + "\n", StringComparison.Ordinal),
            StillRuns,
            () => $"the block did not end:\n{Output}"
        );
    }

    /// <summary>Types into the program that runs in it.</summary>
    public async Task TypeAsync(string text)
    {
        await process.StandardInput.WriteAsync(text);
        await process.StandardInput.FlushAsync();
    }

    /// <summary>Waits until a text is shown, after what was waited for before.</summary>
    public async Task ShowsAsync(string text)
    {
        await Until.TrueAsync(
            () => Rest().Contains(text, StringComparison.Ordinal),
            StillRuns,
            () => $"\"{text}\" is not shown:\n{Output}"
        );
        told += Rest().IndexOf(text, StringComparison.Ordinal) + text.Length;
    }

    /// <summary>Ends what is typed into it, and waits for the program to end well.</summary>
    public async Task CloseAsync()
    {
        process.StandardInput.Close();
        await Until.TrueAsync(() => process.HasExited, () => true, () => $"it does not end:\n{Output}");
        Assert.True(process.ExitCode == 0, $"it ended with exit code {process.ExitCode}:\n{Output}");
    }

    /// <summary>Ctrl-C: to everything that runs in it.</summary>
    public async Task InterruptAsync()
    {
        Signal("INT");
        await Until.TrueAsync(() => process.HasExited, () => true, () => $"it does not end on Ctrl-C:\n{Output}");
    }

    public ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            Signal("KILL");
        }

        process.Dispose();
        return ValueTask.CompletedTask;
    }

    static Terminal Start(string folder, params string[] arguments)
    {
        // A process group of its own, which Ctrl-C reaches as a whole.
        var start = new ProcessStartInfo("setsid", ["bash", .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(BelongsToTheTestRun).ToArray())
        {
            start.Environment.Remove(name);
        }

        // The port that the page names may be taken here.
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        return new(Process.Start(start)!);
    }

    static bool BelongsToTheTestRun(string name) =>
        name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("TESTINGPLATFORM", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("DOTNET_CLI_", StringComparison.OrdinalIgnoreCase)
        || name is "DOTNET_HOST_PATH" or "ASPNETCORE_ENVIRONMENT" or "DOTNET_ENVIRONMENT" or "CONFIGURATION";

    static string Save(string folder, string block)
    {
        var blocks = Directory.CreateDirectory(Path.Combine(folder, ".blocks")).FullName;
        var file = Path.Combine(blocks, $"{Directory.GetFiles(blocks).Length + 1}.sh");
        File.WriteAllText(file, block);
        return file;
    }

    bool StillRuns() => !process.HasExited;

    string Rest() => Output[told..];

    void Signal(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", "--", $"-{process.Id}"]);
        kill.WaitForExit();
    }

    async Task ReadAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (output)
            {
                output.Append(line).Append('\n');
            }
        }
    }
}
