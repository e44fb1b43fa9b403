namespace Millrace.Engines.Contract;

public interface IFolder : IDisposable
{
    string Path { get; }
}

/// <summary>A folder that goes with the test.</summary>
public sealed class TemporaryFolder : IFolder
{
    public string Path { get; } = Directory.CreateTempSubdirectory("millrace-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
