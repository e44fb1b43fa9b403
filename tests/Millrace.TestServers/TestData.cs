namespace Millrace.TestServers;

/// <summary>Recorded data that is not part of the repository: the folder that the environment variable MILLRACE_DATA names.</summary>
public static class TestData
{
    /// <summary>The path of a file or folder under MILLRACE_DATA, such as <c>binlogs/sakila.bin</c>. Without it the test is skipped.</summary>
    public static string Path(string relative)
    {
        var root = Environment.GetEnvironmentVariable("MILLRACE_DATA");
        if (string.IsNullOrEmpty(root))
        {
            Unavailable.Because($"MILLRACE_DATA is not set: it names the folder that has {relative}");
        }

        var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(root, relative));
        if (!File.Exists(path) && !Directory.Exists(path))
        {
            Unavailable.Because($"MILLRACE_DATA is {root}, which has no {relative}");
        }

        return path;
    }
}
