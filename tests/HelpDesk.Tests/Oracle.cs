using System.Diagnostics;
using System.Text.Json;
using Millrace.TestServers;

namespace HelpDesk.Tests;

/// <summary>Who says what is right without sharing a line with what is tested: SQL on the tables, and a script that reads the incident log.</summary>
static class Oracle
{
    static readonly string Sample = Path.Combine(Repository.Root, "samples", "HelpDesk");

    /// <summary>The incident log.</summary>
    public static readonly string Log = Path.Combine(Sample, "incidents", "incident_event_log.csv.gz");

    /// <summary>The statements of a file.</summary>
    public static Task<string> SqlAsync(string name, CancellationToken stop) =>
        File.ReadAllTextAsync(Path.Combine(Sample, "oracle", name), stop);

    /// <summary>The alerts that the script finds in the incident log. Without python3 the test is skipped.</summary>
    public static async Task<List<JsonElement>> AlertsAsync(CancellationToken stop, params string[] options)
    {
        using var script = Start(
            new("python3", [Path.Combine(Sample, "oracle", "alerts.py"), Log, .. options]) { RedirectStandardOutput = true }
        );
        var output = await script.StandardOutput.ReadToEndAsync(stop);
        await script.WaitForExitAsync(stop);
        Assert.Equal(0, script.ExitCode);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }

    static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Unavailable.Because($"python3 cannot be started: {e.Message}");
            throw;
        }
    }
}
