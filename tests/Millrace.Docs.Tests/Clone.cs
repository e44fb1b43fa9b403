using System.Diagnostics;
using Millrace.TestServers;

namespace Millrace.Docs.Tests;

/// <summary>A folder that holds a clone, called <c>millrace</c>, with nothing built in it.</summary>
sealed class Clone : IDisposable
{
    static readonly string[] Folders = ["src", "eng"];

    public Clone()
    {
        // Not a folder for this account alone: the server's account must reach its data.
        Folder = Path.Combine(Path.GetTempPath(), $"millrace-docs-{Environment.ProcessId}");
        Directory.CreateDirectory(Path.Combine(Folder, "millrace"));
        // With the settings of build and compiler, which lie at the root.
        foreach (var file in new DirectoryInfo(Repository.Root).EnumerateFiles())
        {
            file.CopyTo(Path.Combine(Folder, "millrace", file.Name));
        }

        foreach (var folder in Folders)
        {
            Copy(new(Path.Combine(Repository.Root, folder)), Path.Combine(Folder, "millrace", folder));
        }
    }

    public string Folder { get; }

    /// <summary>
    /// Starts the page's server before the page does, which then finds it running: so it ends with this process, whatever happens, and
    /// where there is none to be had the test is skipped.
    /// </summary>
    public void RequireServer(string data)
    {
        var (exitCode, errors) = Server("start", data, "--while", $"{Environment.ProcessId}");
        if (exitCode == 4)
        {
            Unavailable.Because(errors);
        }

        Assert.True(exitCode == 0, errors);
    }

    public void RemoveServer(string data) => Server("remove", data);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    (int ExitCode, string Errors) Server(params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", ["millrace/eng/mariadb", .. arguments])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        output.Wait();
        process.WaitForExit();
        return (process.ExitCode, errors.Trim());
    }

    static void Copy(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in from.EnumerateFiles())
        {
            file.CopyTo(Path.Combine(to, file.Name)); // with its mode: scripts stay executable
        }

        foreach (var folder in from.EnumerateDirectories().Where(folder => folder.Name is not ("bin" or "obj")))
        {
            Copy(folder, Path.Combine(to, folder.Name));
        }
    }
}
