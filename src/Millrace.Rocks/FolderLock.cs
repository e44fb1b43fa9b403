using System.Diagnostics;
using System.Globalization;
using Millrace.Engines;

namespace Millrace.Rocks;

/// <summary>Keeps a folder to one process. The system lets the lock go when the process ends, however it ends.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    /// <summary>Makes the folder where it is missing, and locks it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="advice">What to do when another process has it.</param>
    /// <exception cref="EngineException">Another process has it, or it cannot be made or written.</exception>
    public FolderLock(string folder, string advice)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException($"The folder '{folder}' cannot be made: {e.Message}", e);
        }
        var path = Path.Combine(folder, "millrace.lock");
        var owner = Path.Combine(folder, "millrace.owner");
        try
        {
            _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (IOException e)
        {
            throw new EngineException($"The folder '{folder}' is in use by {Holder(owner)}. {advice}", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new EngineException($"The folder '{folder}' cannot be written by this user: {e.Message}", e);
        }
        using var self = Process.GetCurrentProcess();
        // In a file of its own: the locked one cannot be read by others.
        File.WriteAllText(
            owner,
            string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} ({self.ProcessName}, since {DateTime.UtcNow:u})")
        );
    }

    private static string Holder(string owner)
    {
        try
        {
            return File.ReadAllText(owner);
        }
        catch (IOException)
        {
            return "another process";
        }
    }

    public void Dispose() => _file.Dispose();
}
