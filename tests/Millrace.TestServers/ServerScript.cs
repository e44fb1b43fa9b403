using System.Diagnostics;

namespace Millrace.TestServers;

/// <summary>Runs eng/mariadb and eng/mysql.</summary>
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

    public static async Task<Outcome> RunAsync(ServerKind kind, params string[] arguments)
    {
        using var process = Process.Start(StartInfo(kind, arguments))!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new Outcome(process.ExitCode, await output, await errors);
    }

    /// <summary>For the end of the process, where nothing can be awaited.</summary>
    public static void Run(ServerKind kind, params string[] arguments)
    {
        using var process = Process.Start(StartInfo(kind, arguments))!;
        process.StandardInput.Close();
        process.WaitForExit();
    }

    private static ProcessStartInfo StartInfo(ServerKind kind, string[] arguments) =>
        new("bash", [Path.Combine(Repository.Root, "eng", kind == ServerKind.MariaDb ? "mariadb" : "mysql"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
}
