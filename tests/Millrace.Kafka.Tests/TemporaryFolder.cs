namespace Millrace.Kafka.Tests;

internal interface IFolder : IDisposable
{
    string Path { get; }
}

/// <summary>A folder that goes with the test.</summary>
internal sealed class TemporaryFolder : IFolder
{
    public string Path { get; } = Directory.CreateTempSubdirectory("millrace-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
