using Millrace.Engines;

namespace Millrace.Kafka;

/// <summary>Keeps a folder to one process, and the name this process has in transactional ids. The system lets the lock go when the process ends.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    public FolderLock(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            _file = new FileStream(Path.Combine(folder, "millrace.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (IOException e)
        {
            throw new EngineException(
                $"The folder '{folder}' is in use by another process. Each process of an application needs a folder of its own for its copies of state: set Millrace:Kafka:Folder.",
                e
            );
        }
        catch (UnauthorizedAccessException e)
        {
            throw new EngineException($"The folder '{folder}' cannot be written by this user: {e.Message}", e);
        }
        var path = Path.Combine(folder, "instance");
        if (!File.Exists(path))
        {
            File.WriteAllText(path, Guid.NewGuid().ToString("N")[..12]);
        }
        Instance = File.ReadAllText(path).Trim();
    }

    /// <summary>The name, kept in the folder.</summary>
    public string Instance { get; }

    public void Dispose() => _file.Dispose();
}
