using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Millrace.MySql.Binlog;
using Millrace.MySql.Position;
using Millrace.MySql.Protocol;
using Millrace.MySql.Rows;
using Millrace.MySql.Snapshot;
using Millrace.Sources;
using MySqlConnector;

namespace Millrace.MySql.Capture;

/// <summary>A transaction was rolled back after its rows had been handed over: read it again and leave it out.</summary>
internal sealed class RolledBackException(BinlogPosition begin) : Exception($"the transaction at {begin} ends in ROLLBACK")
{
    public BinlogPosition Begin => begin;
}

/// <summary>
/// Follows one connection's stream: makes batches of its transactions, saves positions between them, and lets the snapshot's chunks in where
/// they belong. Everything here happens in one flow of control.
/// </summary>
internal sealed partial class CaptureLoop : ISnapshotHost
{
    /// <summary>A batch is committed when it has so many bytes of rows, or is so old, or nothing more is at hand.</summary>
    const int CommitBytes = 256 * 1024;
    const double CommitMilliseconds = 5;

    /// <summary>A transaction larger than this is committed in parts.</summary>
    const int PartBytes = 8 * 1024 * 1024;

    /// <summary>How often the position is saved when nothing of what is read concerns us.</summary>
    static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    readonly ICapture _capture;
    readonly BinlogReader _reader;
    readonly ServerFacts _server;
    readonly MySqlConnection _sql;
    readonly TableSet _tables;
    readonly TimeProvider _clock;
    readonly ILogger _log;
    readonly string _source;
    readonly IReadOnlySet<BinlogPosition> _leaveOut;
    readonly Mailbox _mailbox = new();
    readonly GtidTracker? _gtids;
    readonly Dictionary<string, SavedTable> _saved;
    readonly RowDecoders _decoders;
    readonly Dictionary<ulong, (TableMap Map, TableBinding? Table)> _maps = [];
    readonly Dictionary<XaId, PreparedTransaction> _prepared = [];

    SavedPosition _position;
    ICaptureBatch? _batch;
    long _batchBegan;
    int _batchBytes;
    BinlogPosition _at;
    long _lastTime;
    long _lastSave;
    bool _moved;
    bool _schemaStale;
    long _rows;
    SeenHead? _head;

    public CaptureLoop(
        ICapture capture,
        string source,
        SavedPosition position,
        GtidTracker? gtids,
        BinlogReader reader,
        ServerFacts server,
        MySqlConnection sql,
        TableSet tables,
        IReadOnlySet<BinlogPosition> leaveOut,
        TimeProvider clock,
        ILogger log
    )
    {
        _capture = capture;
        _source = source;
        _position = position;
        _gtids = gtids;
        _reader = reader;
        _server = server;
        _sql = sql;
        _tables = tables;
        _leaveOut = leaveOut;
        _clock = clock;
        _log = log;
        _at = _done = new BinlogPosition(position.File, position.Offset);
        _saved = SavedState.Tables(capture.Saved);
        _decoders = new RowDecoders(server.IsMariaDb, tables.SchemaOf, tables.RulesOf);
    }

    long Now => (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10;

    /// <summary>Reads on until the connection ends or something is wrong.</summary>
    public async Task Run(CancellationToken ct)
    {
        _lastSave = Stopwatch.GetTimestamp();
        await ForgetTablesThatAreGone(ct);
        Report();
        Task? arrival = null;
        while (true)
        {
            var next = _reader.Read(ct);
            bool more;
            if (next.IsCompleted)
            {
                more = await next;
            }
            else
            {
                // Nothing more at hand: what is ready goes out, and others get their turn.
                var pending = next.AsTask();
                if (!_inTransaction)
                {
                    await Settle(ct);
                    while (!pending.IsCompleted)
                    {
                        arrival ??= _mailbox.Arrival(ct);
                        if (await Task.WhenAny(pending, arrival) != arrival)
                            continue;
                        await arrival;
                        arrival = null;
                        await Settle(ct);
                    }
                }
                more = await pending;
            }
            if (!more)
                throw new ConnectionLostException($"the server ended the binlog after {_at}");
            await Take(ct);
            if (!_inTransaction)
            {
                if (!_mailbox.IsEmpty || IsChunkDue)
                    await Settle(ct);
                else if (IsCommitDue())
                    await Commit(ct);
            }
        }
    }

    /// <summary>Between two transactions: does what others asked for, lets a chunk in, commits.</summary>
    async ValueTask Settle(CancellationToken ct)
    {
        while (_mailbox.TryTake(out var work))
            await work!();
        await EmitChunk(ct);
        await Commit(ct);
    }

    bool IsCommitDue() =>
        _batch is not null
            ? _batchBytes >= CommitBytes || Stopwatch.GetElapsedTime(_batchBegan).TotalMilliseconds >= CommitMilliseconds
            : _moved && Stopwatch.GetElapsedTime(_lastSave) >= SaveInterval;

    ICaptureBatch Batch()
    {
        if (_batch is not null)
            return _batch;
        _batch = _capture.Begin();
        _batchBegan = Stopwatch.GetTimestamp();
        _batchBytes = 0;
        return _batch;
    }

    /// <summary>Commits what is ready together with the position, if there is anything, or if the position alone is old.</summary>
    async ValueTask Commit(CancellationToken ct)
    {
        if (_batch is null && !(_moved && Stopwatch.GetElapsedTime(_lastSave) >= SaveInterval))
            return;
        _position = Resume() with { Part = IsPartAhead ? _position.Part : null };
        await CommitWith(_position, ct);
    }

    /// <summary>Whether a transaction that was committed in part before the last stop has still to be read to its end.</summary>
    bool IsPartAhead => _position.Part is { } part && new BinlogPosition(part.File, part.Offset).CompareTo(_done) >= 0;

    async ValueTask CommitWith(SavedPosition position, CancellationToken ct)
    {
        var batch = Batch();
        SavedState.Save(batch, position);
        await batch.CommitAsync(ct);
        _batch = null;
        _moved = false;
        _lastSave = Stopwatch.GetTimestamp();
    }

    /// <summary>
    /// Where to begin after a crash: after the last whole transaction, or before the oldest prepared one. What is read twice then is known
    /// by its position and dropped.
    /// </summary>
    SavedPosition Resume()
    {
        var (at, gtids) = (_done, _gtids?.ToString());
        foreach (var prepared in _prepared.Values)
        {
            if (prepared.Before.CompareTo(at) < 0)
                (at, gtids) = (prepared.Before, prepared.GtidsBefore);
        }
        return _position with
        {
            File = at.File,
            Offset = at.Offset,
            Gtids = gtids,
            FileCreated = at.File == _fileOfCreation ? _fileCreated : 0,
        };
    }

    /// <summary>A table that is captured again after a while has missed something.</summary>
    async Task ForgetTablesThatAreGone(CancellationToken ct)
    {
        var gone = _saved.Keys.Except(_capture.Tables.Select(table => table.Name)).ToList();
        if (gone.Count == 0)
            return;
        var batch = Batch();
        foreach (var table in gone)
        {
            SavedState.Forget(batch, table);
            SavedState.ForgetSchema(batch, table);
            _saved.Remove(table);
        }
        await CommitWith(_position, ct);
    }

    public void Seen(SeenHead? head) =>
        _mailbox.Post(() =>
        {
            _head = head;
            Report();
        });

    bool IsAtHead => _head is { } head && _at.CompareTo(head.Head.Position) >= 0;

    void Report()
    {
        var head = _head?.Head.Position;
        _capture.Report(
            new SourceStatus
            {
                Connected = true,
                Position = _at.ToString(),
                Head = head?.ToString(),
                LagMicroseconds =
                    head is null ? null
                    : IsAtHead ? 0
                    : _lastTime > 0 ? Math.Max(0, Now - _lastTime)
                    : null,
                LagBytes = head is { } h && h.File == _at.File ? Math.Max(0, (long)(h.Offset - Math.Min(h.Offset, _at.Offset))) : null,
                Watermark =
                    IsAtHead ? Math.Max(_head!.Asked, _lastTime)
                    : _lastTime > 0 ? _lastTime
                    : null,
                Rows = _rows,
                Snapshots = Progress(),
                Problem = Unreadable(),
            }
        );
    }

    string? Unreadable()
    {
        var tables = _tables.All.Where(table => table.IsUnreadable || !table.Exists).Select(table => table.Name).ToList();
        return tables.Count == 0
            ? null
            : $"Not captured for now, for want of a definition that fits: {string.Join(", ", tables)} of {_tables.Database}.";
    }
}
