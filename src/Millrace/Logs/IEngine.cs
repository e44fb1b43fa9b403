using System.Diagnostics.CodeAnalysis;

namespace Millrace.Engines;

/// <summary>
/// Where the logs and the state live. The runtime sees an engine through this and the five interfaces it names, and through
/// nothing else. One contract test suite runs against every engine.
/// </summary>
[Experimental("MILL0001")]
public interface IEngine : IAsyncDisposable
{
    /// <summary>Creates the topics that do not exist; refuses one that exists with another number of partitions.</summary>
    /// <param name="topics">Every topic the application uses.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="EngineException">A topic exists with other settings, or the folder or broker cannot be used.</exception>
    ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation);

    /// <summary>
    /// Gives topics more partitions, and creates those that do not exist. Where a topic has so many, or more, nothing happens. What the topic has
    /// stays where it is. A running group keeps the partitions it began with; one that is run after this has all of them, and state for each.
    /// </summary>
    /// <param name="topics">The topics, with the number of partitions that they are to have.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="EngineException">It cannot be done.</exception>
    ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation);

    /// <summary>A named writer with a small state of its own (a source's position), committed together with what it appends.</summary>
    /// <param name="name">The durable name, for example <c>source.helpdesk</c>.</param>
    IAppender OpenAppender(string name);

    /// <summary>
    /// Runs a group until cancelled: assigns each partition to one processor at a time, hands it batches in order, and commits what
    /// it wrote together with the input position. A processor that throws is disposed with its transaction; the engine reports it to
    /// <see cref="ProcessorGroup.Faulted"/>, waits (from 100 ms, doubling to 30 s) and starts a new one from the committed position.
    /// </summary>
    /// <param name="group">What to run.</param>
    /// <param name="cancellation">Stops it; returns when all its processors are disposed.</param>
    Task RunAsync(ProcessorGroup group, CancellationToken cancellation);

    /// <summary>
    /// Whether several processes run the same application on it: partitions of a group are then spread over them, and what one process knows is
    /// known to the others by the logs and states alone.
    /// </summary>
    bool IsShared => false;

    /// <summary>
    /// Has something done by one process at a time: while the work runs, nobody else's commits to that appender succeed. On an engine of one
    /// process that is this one.
    /// </summary>
    /// <param name="appender">The appender that the work writes with.</param>
    /// <param name="work">What to do; its token is cancelled when another process takes over, and it may be called again after that.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Completes when the work has, and fails as it does.</returns>
    Task RunAsOwnerAsync(string appender, Func<CancellationToken, Task> work, CancellationToken cancellation) => work(cancellation);

    /// <summary>Reads one partition of a log, from an offset on.</summary>
    /// <param name="source">The partition.</param>
    /// <param name="offset">The first offset to read; 0 is the beginning.</param>
    /// <param name="durableOnly">Whether to deliver only what would survive a power cut.</param>
    ILogReader Read(TopicPartition source, long offset, bool durableOnly = false);

    /// <summary>The committed state of one partition of a group (or of an appender, partition 0), for queries.</summary>
    /// <param name="name">The group's or the appender's name.</param>
    /// <param name="partition">The partition.</param>
    IStateReader OpenState(string name, int partition);

    /// <summary>
    /// Tells each key of a state that a commit writes from now on, whichever process makes the commit. For engines that are shared: on the others every
    /// commit is made by a processor of this process, which can tell by itself.
    /// </summary>
    /// <param name="name">The group's or the appender's name.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="changed">Told in the order of commits, once what is told can be read. It must not wait.</param>
    void WatchState(string name, int partition, StateChanged changed) { }

    /// <summary>How much more can be written, and how much the state of some groups takes; null where the engine cannot tell.</summary>
    /// <param name="groups">The groups.</param>
    EngineRoom? RoomFor(IReadOnlyCollection<string> groups) => null;

    /// <summary>The next input offset a group has committed for a partition; 0 when it has read nothing.</summary>
    /// <param name="group">The group's name.</param>
    /// <param name="source">The partition.</param>
    long CommittedOffset(string group, TopicPartition source);
}

/// <summary>How much room an engine has.</summary>
/// <param name="FreeBytes">Bytes that can be written before it refuses.</param>
/// <param name="StateBytes">Bytes that the state asked for takes, about.</param>
[Experimental("MILL0001")]
public sealed record EngineRoom(long FreeBytes, long StateBytes);

/// <summary>A key of a state was written by a commit.</summary>
/// <param name="key">The key; valid until the call returns.</param>
/// <param name="value">The value; valid until the call returns.</param>
/// <param name="isDeleted">Whether it was deleted instead.</param>
[Experimental("MILL0001")]
public delegate void StateChanged(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isDeleted);

/// <summary>A group of processors over co-partitioned topics: partition <c>n</c> of every input goes to processor <c>n</c>.</summary>
[Experimental("MILL0001")]
public sealed class ProcessorGroup
{
    /// <summary>The durable name; input positions and state are kept under it.</summary>
    public required string Name { get; init; }

    /// <summary>The topics it reads; all with the same number of partitions.</summary>
    public required IReadOnlyList<Topic> Inputs { get; init; }

    /// <summary>Makes the processor of a partition.</summary>
    public required Func<int, IProcessor> Create { get; init; }

    /// <summary>Told when a processor threw: the partition, and why. The engine goes on with a new processor.</summary>
    public required Action<int, Exception> Faulted { get; init; }

    /// <summary>Told when this process has a partition no more: its processor is disposed, and another process goes on with it.</summary>
    public Action<int> Released { get; init; } = static _ => { };

    /// <summary>Whether it is handed only records that would survive a power cut (effects on the world).</summary>
    public bool DurableInput { get; init; }

    /// <summary>The most records in a batch.</summary>
    public int MaxBatch { get; init; } = 4096;
}

/// <summary>The logic of one partition of a group. Called by one thread at a time.</summary>
[Experimental("MILL0001")]
public interface IProcessor : IAsyncDisposable
{
    /// <summary>
    /// Handles the records in order, writing outputs and state to the transaction; the engine commits them with the input position
    /// when this returns. Called with an empty batch first of all (to load what it keeps), and when it asked for it.
    /// </summary>
    /// <param name="batch">The records, or none.</param>
    /// <param name="transaction">Where its outputs and state go.</param>
    /// <param name="cancellation">The group is being stopped; throwing <see cref="OperationCanceledException"/> drops the transaction.</param>
    /// <returns>Whether it wants to be called again without new input.</returns>
    ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation);

    /// <summary>What the last call wrote is committed and can be read. Not called for a transaction without writes and input.</summary>
    void Committed();
}

/// <summary>What a processor wants next.</summary>
/// <param name="More">It has more to do now (bounded steps); it is called again after the commit, new input or not.</param>
/// <param name="WakeAfter">It wants to be called after this long even without input; null to wait for input alone.</param>
[Experimental("MILL0001")]
public readonly record struct Progress(bool More = false, TimeSpan? WakeAfter = null);

/// <summary>Reads the state of one partition in byte order of its keys.</summary>
[Experimental("MILL0001")]
public interface IStateReader
{
    /// <summary>Reads one key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value: valid until the next call on this reader; empty where there is none.</param>
    /// <returns>Whether the key is there.</returns>
    bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value);

    /// <summary>Reads a range in ascending byte order.</summary>
    /// <param name="from">The first key, inclusive.</param>
    /// <param name="to">The end, exclusive; empty for no end.</param>
    /// <param name="descending">From the end backwards.</param>
    StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false);
}

/// <summary>A cursor over state. Dispose it before the next write to the same transaction.</summary>
[Experimental("MILL0001")]
public abstract class StateCursor : IDisposable
{
    /// <summary>Goes to the next entry (the first at the first call).</summary>
    public abstract bool MoveNext();

    /// <summary>The key; valid until the next move.</summary>
    public abstract ReadOnlySpan<byte> Key { get; }

    /// <summary>The value; valid until the next move.</summary>
    public abstract ReadOnlySpan<byte> Value { get; }

    /// <inheritdoc />
    public abstract void Dispose();
}

/// <summary>
/// What is committed at once: records, state, and (by the engine) the input position. Reads see its own writes.
/// All spans are copied before the call returns. Used by one thread at a time.
/// </summary>
[Experimental("MILL0001")]
public interface ITransaction : IStateReader
{
    /// <summary>Appends a record; its offset is known at the commit.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="time">Its time, in microseconds since 1970-01-01T00:00:00Z.</param>
    /// <param name="key">The key.</param>
    /// <param name="headers">Packed headers, see <see cref="RecordHeaders"/>.</param>
    /// <param name="value">The value.</param>
    void Append(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value);

    /// <summary>Writes a key of the state.</summary>
    void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>Deletes a key of the state; nothing happens when it is not there.</summary>
    void Delete(ReadOnlySpan<byte> key);
}

/// <summary>A named writer outside any group: a source, or clients' commands. Safe for concurrent use.</summary>
[Experimental("MILL0001")]
public interface IAppender : IAsyncDisposable
{
    /// <summary>Begins a transaction over this appender's own state. Dropping it without a commit leaves no trace.</summary>
    ITransaction Begin();

    /// <summary>Commits a transaction begun here.</summary>
    /// <param name="transaction">What to commit; not used after this.</param>
    /// <param name="durable">Whether to wait until it would survive a power cut.</param>
    /// <param name="cancellation">Stops waiting; the commit may still happen.</param>
    /// <exception cref="EngineException">It could not be written, and was not.</exception>
    ValueTask CommitAsync(ITransaction transaction, bool durable, CancellationToken cancellation);
}

/// <summary>Reads one partition of a log in order. Used by one thread at a time.</summary>
[Experimental("MILL0001")]
public interface ILogReader : IDisposable
{
    /// <summary>The next records, or false when there are none at the moment. The batch is valid until the next call.</summary>
    /// <param name="max">The most records to return.</param>
    /// <param name="batch">The records.</param>
    bool TryRead(int max, out RecordBatch batch);

    /// <summary>Completes when there is something to read; spurious completions are allowed.</summary>
    ValueTask WaitAsync(CancellationToken cancellation);

    /// <summary>The offset after the last record that can be read.</summary>
    long End { get; }
}

/// <summary>An engine cannot do what it was asked; the message says what, where and what to do.</summary>
[Experimental("MILL0001")]
public sealed class EngineException : Exception
{
    /// <summary>With a message.</summary>
    public EngineException(string message)
        : base(message) { }

    /// <summary>With a message and a cause.</summary>
    public EngineException(string message, Exception? cause)
        : base(message, cause) { }

    /// <summary>Without a message.</summary>
    public EngineException() { }
}
