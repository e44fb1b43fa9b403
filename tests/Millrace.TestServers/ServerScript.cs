using System.Diagnostics;

namespace Millrace.TestServers;

/// <summary>Runs eng/mariadb, eng/mysql and eng/kafka.</summary>
internal static class ServerScript
{
    internal sealed record Outcome(int ExitCode, string Output, string Errors)
    {
        /// <summary>The KEY=VALUE lines of the output.</summary>
        public Dictionary<string, string> Values() =>
            Output
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split('=', 2))
                .Where(pair => pair.Length == 2)
                .ToDictionary(pair => pair[0], pair => pair[1]);
    }

    public static async Task<Outcome> RunAsync(string script, params string[] arguments)
    {
        using var process = Process.Start(StartInfo(script, arguments))!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new Outcome(process.ExitCode, await output, await errors);
    }

    /// <summary>For the end of the process, where nothing can be awaited.</summary>
    public static void Run(string script, params string[] arguments)
    {
        using var process = Process.Start(StartInfo(script, arguments))!;
        process.StandardInput.Close();
        process.WaitForExit();
    }

    private static ProcessStartInfo StartInfo(string script, string[] arguments)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(Repository.Root, "eng", script), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // A broker lives for one test program: it is quicker, and takes less from the tests, when it does not optimize itself.
        start.Environment.TryAdd("KAFKA_HEAP_OPTS", "-Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1");
        return start;
    }
}
