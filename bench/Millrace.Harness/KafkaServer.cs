using System.Diagnostics;
using System.Globalization;

namespace Millrace.Harness;

/// <summary>A broker of the harness's own, by eng/kafka.</summary>
internal sealed class KafkaServer : IAsyncDisposable
{
    private readonly string folder;
    private readonly string? process;

    private KafkaServer(string folder, string home, string bootstrap, string? process)
    {
        this.folder = folder;
        this.process = process;
        Home = home;
        Bootstrap = bootstrap;
    }

    /// <summary>The source tree that the harness was built from.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The folder of the distribution, whose jars the peers run on.</summary>
    public string Home { get; }

    public string Bootstrap { get; }

    public static async Task<KafkaServer> StartAsync(string folder)
    {
        var home = (await ScriptAsync("install")).Trim();
        if (!Directory.Exists(Path.Combine(home, "libs")))
        {
            throw new InvalidOperationException(
                $"The peers run on Kafka's own jars: set KAFKA_HOME to an unpacked Kafka ({home} would be a container)."
            );
        }
        var started = await ScriptAsync("start", folder, "--while", $"{Environment.ProcessId}");
        return new KafkaServer(folder, home, Value(started, "BOOTSTRAP")!, Value(await ScriptAsync("status", folder), "NODE1"));
    }

    /// <summary>The processor time that the broker has used, where /proc tells.</summary>
    public TimeSpan? ProcessorTime()
    {
        if (process is null || !int.TryParse(process, CultureInfo.InvariantCulture, out var id))
        {
            return null;
        }
        using var found = Process.GetProcessById(id);
        return found.TotalProcessorTime;
    }

    public async ValueTask DisposeAsync() => await ScriptAsync("remove", folder);

    private static string? Value(string lines, string key) =>
        lines.Split('\n').FirstOrDefault(line => line.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];

    private static async Task<string> ScriptAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository, "eng", "kafka"), arguments) { RedirectStandardOutput = true };
        using var script = Process.Start(start)!;
        var output = await script.StandardOutput.ReadToEndAsync();
        await script.WaitForExitAsync();
        return script.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"eng/kafka {arguments[0]} ended with exit code {script.ExitCode}; its reason is above");
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Millrace.slnx")))
        {
            folder = folder.Parent;
        }
        return folder?.FullName ?? throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} has a Millrace.slnx.");
    }
}
