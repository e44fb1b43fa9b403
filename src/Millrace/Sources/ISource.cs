using System.Diagnostics.CodeAnalysis;
using Millrace.Engines;

namespace Millrace.Sources;

/// <summary>Where changes come from. One process runs a source at a time; the host restarts it, with a growing pause, when it throws.</summary>
[Experimental("MILL0001")]
public interface ISource
{
    /// <summary>The durable name, under which its state is kept. It is in the ids of what its snapshots show, not in the ids of entities.</summary>
    string Name { get; }

    /// <summary>Looks, before anything starts, at what would keep it from capturing these tables.</summary>
    /// <param name="tables">The tables the application maps, each once.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What is wrong, each with what mends it; empty when it can start.</returns>
    ValueTask<IReadOnlyList<string>> CheckAsync(IReadOnlyList<CapturedTable> tables, CancellationToken cancellation) => new([]);

    /// <summary>
    /// Captures until cancelled: snapshots each table that has none, then (and meanwhile) follows the log. Transient trouble is its own to
    /// mend (reconnect, and say so in <see cref="ICapture.Report"/>); it throws only when somebody has to act.
    /// </summary>
    /// <param name="capture">What to capture, what was saved, and where changes go.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="SourceException">It cannot go on; the message says what is wrong, where, and what mends it.</exception>
    Task RunAsync(ICapture capture, CancellationToken cancellation);
}

/// <summary>The runtime's side of a source: tables to capture, the source's saved state, and batches of changes.</summary>
[Experimental("MILL0001")]
public interface ICapture
{
    /// <summary>The tables the application maps, each once.</summary>
    IReadOnlyList<CapturedTable> Tables { get; }

    /// <summary>What was committed through <see cref="ICaptureBatch.Save"/>: position, epoch, snapshot progress.</summary>
    IStateReader Saved { get; }

    /// <summary>
    /// Ties a table to its columns as the source sees them now. Called again whenever the table's definition changes. Everything
    /// that routes is looked up here once, so that a row is routed by ordinals.
    /// </summary>
    /// <param name="table">One of <see cref="Tables"/>.</param>
    /// <param name="columns">The names of its captured columns, in table order (the order of <see cref="RowImage.Cells"/>).</param>
    /// <param name="cascades">The foreign keys of other tables at this one that the database carries out without logging the rows.</param>
    /// <returns>The table to write changes with.</returns>
    /// <exception cref="SourceException">A column the application needs (key, parent, mapped property) is missing.</exception>
    BoundTable Bind(CapturedTable table, IReadOnlyList<string> columns, IReadOnlyList<Cascade> cascades);

    /// <summary>Begins a batch. One at a time.</summary>
    ICaptureBatch Begin();

    /// <summary>Says how it stands: connection, lag, snapshot progress, watermark. Cheap; call it when something changed and about each second.</summary>
    /// <param name="status">How it stands.</param>
    void Report(SourceStatus status);
}

/// <summary>A table that the application maps.</summary>
[Experimental("MILL0001")]
public sealed class CapturedTable
{
    internal CapturedTable(
        string name,
        IReadOnlyList<string> keyColumns,
        IReadOnlyList<string> routingColumns,
        IReadOnlyList<string> columns,
        IReadOnlyList<string> textColumns
    )
    {
        Name = name;
        KeyColumns = keyColumns;
        RoutingColumns = routingColumns;
        Columns = columns;
        TextColumns = textColumns;
    }

    /// <summary>The table's name in the database.</summary>
    public string Name { get; }

    /// <summary>The columns of its key as the application declares it.</summary>
    public IReadOnlyList<string> KeyColumns { get; }

    /// <summary>The columns that say which entity a row belongs to (for a child, its foreign key). A row image must always have them.</summary>
    public IReadOnlyList<string> RoutingColumns { get; }

    /// <summary>Every column the application reads. Captured rows carry all columns, these and others.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Those of them that every row record reads as a string and nothing else needs, so that any text may stand in their place.</summary>
    public IReadOnlyList<string> TextColumns { get; }

    /// <inheritdoc />
    public override string ToString() => Name;
}

/// <summary>A foreign key whose action the database carries out without logging the rows it touches (InnoDB before MySQL 9.6, MariaDB).</summary>
/// <param name="ChildTable">The table whose rows it deletes or changes.</param>
/// <param name="Columns">Its foreign key columns.</param>
/// <param name="SetsNull">SET NULL where true, CASCADE where false.</param>
[Experimental("MILL0001")]
public sealed record Cascade(string ChildTable, IReadOnlyList<string> Columns, bool SetsNull);

/// <summary>A captured table tied to its columns by <see cref="ICapture.Bind"/>.</summary>
[Experimental("MILL0001")]
public abstract class BoundTable
{
    private protected BoundTable(CapturedTable table) => Table = table;

    /// <summary>The table.</summary>
    public CapturedTable Table { get; }
}

/// <summary>
/// Changes on their way into the command log. The source writes whole transactions in the order of its log; the runtime makes one
/// command for each entity a transaction touches. All spans are copied.
/// </summary>
[Experimental("MILL0001")]
public interface ICaptureBatch
{
    /// <summary>Bytes held so far; commit when it grows past a few hundred KiB, when the source has nothing more at hand, or after a few ms.</summary>
    int Bytes { get; }

    /// <summary>Begins a source transaction.</summary>
    /// <param name="id">Its identity, the same at every reading: the GTID, or file and offset.</param>
    /// <param name="position">Where it begins. <see cref="SourcePosition.Ordinal"/> is 0, or the row ordinal at which a later part of a large one begins.</param>
    /// <param name="time">When it was committed, in microseconds since 1970-01-01T00:00:00Z.</param>
    void BeginTransaction(ReadOnlySpan<byte> id, SourcePosition position, long time);

    /// <summary>
    /// Begins rows read by a snapshot (a chunk), to be ended like a transaction. The caller has removed every row whose key the stream
    /// changed between the chunk's low and high position.
    /// </summary>
    /// <param name="snapshot">The id given to <see cref="SnapshotBegan"/>.</param>
    /// <param name="chunk">The chunk's ordinal in its table, from 0.</param>
    /// <param name="time">When it was read, in microseconds since 1970-01-01T00:00:00Z.</param>
    void BeginChunk(int snapshot, int chunk, long time);

    /// <summary>A row is there: inserted, or shown by a snapshot.</summary>
    void Insert(BoundTable table, RowImage after);

    /// <summary>A row changed. Key and parent may differ between the images.</summary>
    void Update(BoundTable table, RowImage before, RowImage after);

    /// <summary>A row is gone.</summary>
    /// <param name="table">Its table.</param>
    /// <param name="before">The row as it was.</param>
    /// <param name="cascades">Whether the bound cascades were carried out with it, unlogged: not where foreign keys were not checked, or the server logged them.</param>
    void Delete(BoundTable table, RowImage before, bool cascades = true);

    /// <summary>Ends the transaction or chunk: its commands are made.</summary>
    void End();

    /// <summary>A snapshot of a table begins: from here on every row shown or streamed is marked with it.</summary>
    /// <param name="table">The table.</param>
    /// <param name="snapshot">An id that grows with every snapshot of this source.</param>
    /// <param name="time">Now, in microseconds since 1970-01-01T00:00:00Z.</param>
    void SnapshotBegan(CapturedTable table, int snapshot, long time);

    /// <summary>A snapshot has shown every row of a table: mirrored rows without its mark are deletions.</summary>
    void SnapshotEnded(CapturedTable table, int snapshot, long time);

    /// <summary>Every table has been snapshotted once: timers that held may fire. Written once an epoch.</summary>
    void AllSnapshotsEnded(long time);

    /// <summary>A table was emptied by TRUNCATE (or dropped). A sweep like a snapshot that showed nothing.</summary>
    /// <param name="table">The table.</param>
    /// <param name="snapshot">A fresh snapshot id.</param>
    /// <param name="id">The statement's transaction.</param>
    /// <param name="position">Where it stands.</param>
    /// <param name="time">When it was committed.</param>
    void Truncated(CapturedTable table, int snapshot, ReadOnlySpan<byte> id, SourcePosition position, long time);

    /// <summary>Saves something of the source's own in the same commit.</summary>
    void Save(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>Forgets something saved.</summary>
    void Forget(ReadOnlySpan<byte> key);

    /// <summary>Commits commands and saved state at once. Where it throws nothing was written; the source starts again from what is saved.</summary>
    ValueTask CommitAsync(CancellationToken cancellation);
}

/// <summary>How a source stands.</summary>
[Experimental("MILL0001")]
public sealed record SourceStatus
{
    /// <summary>Whether it is connected and reading.</summary>
    public required bool Connected { get; init; }

    /// <summary>The position read up to, as the server writes it (file:offset, GTID set).</summary>
    public string? Position { get; init; }

    /// <summary>The server's head, as the server writes it.</summary>
    public string? Head { get; init; }

    /// <summary>
    /// How far it is behind the server's head, in microseconds: 0 at the head; else now minus the commit time of what was read last.
    /// Null when not known (not connected).
    /// </summary>
    public long? LagMicroseconds { get; init; }

    /// <summary>How many bytes of log are between the position and the head, where known.</summary>
    public long? LagBytes { get; init; }

    /// <summary>
    /// Everything that happened before this time has been handed over, in microseconds since 1970-01-01T00:00:00Z: the commit time of
    /// what was read last, and the wall clock only at the head.
    /// </summary>
    public long? Watermark { get; init; }

    /// <summary>Row changes read from the log since the start.</summary>
    public long Rows { get; init; }

    /// <summary>The running snapshots.</summary>
    public IReadOnlyList<SnapshotProgress> Snapshots { get; init; } = [];

    /// <summary>What is wrong now and what mends it; null when nothing is.</summary>
    public string? Problem { get; init; }
}

/// <summary>How far a table's snapshot is.</summary>
/// <param name="Table">The table.</param>
/// <param name="Rows">Rows shown.</param>
/// <param name="EstimatedRows">Rows the server estimates there are.</param>
/// <param name="Remaining">Time left at the present rate; null below one per cent.</param>
[Experimental("MILL0001")]
public sealed record SnapshotProgress(string Table, long Rows, long EstimatedRows, TimeSpan? Remaining);

/// <summary>A source cannot go on; the message says what is wrong, where, and what mends it.</summary>
[Experimental("MILL0001")]
public class SourceException : Exception
{
    /// <summary>With a message.</summary>
    public SourceException(string message)
        : base(message) { }

    /// <summary>With a message and a cause.</summary>
    public SourceException(string message, Exception? cause)
        : base(message, cause) { }

    /// <summary>Without a message.</summary>
    public SourceException() { }
}
