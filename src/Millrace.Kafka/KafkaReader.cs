using Millrace.Engines;

namespace Millrace.Kafka;

/// <summary>
/// What an application has on the broker, for reading: by consumers that are in no group, and positions asked for. Its folder is its own and goes with it,
/// so it can be beside any process of the application.
/// </summary>
internal sealed class KafkaReader : IEngine
{
    private readonly KafkaEngine _engine;
    private readonly string _folder;

    private KafkaReader(KafkaEngine engine, string folder)
    {
        _engine = engine;
        _folder = folder;
    }

    /// <summary>Opens it.</summary>
    /// <param name="options">Where the broker is; the folder in it is not used.</param>
    /// <exception cref="EngineException">An option makes no sense.</exception>
    public static KafkaReader Open(KafkaOptions options)
    {
        var folder = Directory.CreateTempSubdirectory("millrace-replay-").FullName;
        try
        {
            options.Folder = folder;
            options.Standby = false;
            return new KafkaReader(KafkaEngine.Open(options), folder);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    public bool IsShared => true;

    public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false) => _engine.Read(source, offset, durableOnly);

    public IStateReader OpenState(string name, int partition) => _engine.OpenState(name, partition);

    public long CommittedOffset(string group, TopicPartition source) => _engine.CommittedOffset(group, source);

    public ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) => throw OnlyRead();

    public ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) => throw OnlyRead();

    public IAppender OpenAppender(string name) => new NoAppender();

    public Task RunAsync(ProcessorGroup group, CancellationToken cancellation) => throw OnlyRead();

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync().ConfigureAwait(false);
        Directory.Delete(_folder, recursive: true);
    }

    private static EngineException OnlyRead() => new("The application's topics are open for reading only.");

    /// <summary>Who may write opens one at its start, whether it will or not.</summary>
    private sealed class NoAppender : IAppender
    {
        public ITransaction Begin() => throw OnlyRead();

        public ValueTask CommitAsync(ITransaction transaction, bool durable, CancellationToken cancellation) => throw OnlyRead();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
