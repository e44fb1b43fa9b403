using System.Diagnostics;
using System.Globalization;
using Millrace.Engines;

namespace Millrace.Embedded;

/// <summary>Keeps a folder to one process. The system lets the lock go when the process ends, however it ends.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    public FolderLock(string folder)
    {
        var path = Path.Combine(folder, "millrace.lock");
        try
        {
            _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 256);
        }
        catch (IOException e)
        {
            throw new EngineException(
                $"The folder '{folder}' is in use by {Holder(path)}. An embedded engine's folder belongs to one process at a time: stop the "
                    + "other one, or choose another folder.",
                e
            );
        }
        catch (UnauthorizedAccessException e)
        {
            throw new EngineException($"The folder '{folder}' cannot be written by this user: {e.Message}", e);
        }
        using var self = Process.GetCurrentProcess();
        _file.SetLength(0);
        using var writer = new StreamWriter(_file, leaveOpen: true);
        writer.Write(
            string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} ({self.ProcessName}, since {DateTime.UtcNow:u})")
        );
    }

    private static string Holder(string path)
    {
        try
        {
            // Sharing everything reads past the lock, which is advisory.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file);
            return reader.ReadToEnd() is { Length: > 0 } holder ? holder : "another process";
        }
        catch (IOException)
        {
            return "another process";
        }
    }

    public void Dispose() => _file.Dispose();
}
