using Millrace.Embedded.Logs;
using Millrace.Embedded.State;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded;

/// <summary>
/// One moment of an embedded engine's folder, opened beside the process that has it, or without one. Nothing in the folder is written, locked or moved.
/// What the other process commits from here on is not seen.
/// </summary>
internal sealed class EmbeddedReader : IEngine
{
    private const int Tries = 10;

    private readonly string _folder;
    private readonly RocksStore _store;
    private readonly Catalog _catalog;

    private EmbeddedReader(EmbeddedOptions options)
    {
        _folder = options.Folder;
        _store = new RocksStore(options.Folder, Families.All, options.WriteBufferBytes, options.BlockCacheBytes, readOnly: true);
        try
        {
            _catalog = new Catalog(_store, new StateBudget(options.StateBytes), static _ => { }, options.Folder, readOnly: true);
        }
        catch
        {
            _store.Dispose();
            throw;
        }
    }

    /// <summary>Opens a folder as it is at this moment.</summary>
    /// <param name="options">Where it is.</param>
    /// <exception cref="EngineException">There is no such folder, it has no data, or it cannot be read.</exception>
    public static EmbeddedReader Open(EmbeddedOptions options)
    {
        if (!File.Exists(Path.Combine(options.Folder, "CURRENT")))
        {
            throw new EngineException(
                $"There is no data of an embedded engine in '{Path.GetFullPath(options.Folder)}'. Say where it is: --Millrace:Embedded:Folder=FOLDER."
            );
        }
        for (var tried = 1; ; tried++)
        {
            try
            {
                return new EmbeddedReader(options);
            }
            catch (EngineException) when (tried < Tries)
            {
                // The other process may have replaced a file between our reading its name and opening it.
                Thread.Sleep(20 * tried);
            }
        }
    }

    public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false) =>
        new LogReader(_store, source, _catalog.Log(source), offset, durableOnly);

    public IStateReader OpenState(string name, int partition) => new StateReader(_store, _catalog.Table(name, partition));

    public long CommittedOffset(string group, TopicPartition source) => _catalog.CommittedOffset(group, source);

    public ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) => throw OnlyRead();

    public ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) => throw OnlyRead();

    public IAppender OpenAppender(string name) => new NoAppender(this);

    public Task RunAsync(ProcessorGroup group, CancellationToken cancellation) => throw OnlyRead();

    public ValueTask DisposeAsync()
    {
        _store.Dispose();
        return ValueTask.CompletedTask;
    }

    private EngineException OnlyRead() => new($"The folder '{_folder}' is open for reading only.");

    /// <summary>Who may write opens one at its start, whether it will or not.</summary>
    private sealed class NoAppender(EmbeddedReader reader) : IAppender
    {
        public ITransaction Begin() => throw reader.OnlyRead();

        public ValueTask CommitAsync(ITransaction transaction, bool durable, CancellationToken cancellation) => throw reader.OnlyRead();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
