using Millrace.MySql.Position;
using Millrace.MySql.Snapshot;
using Millrace.Sources;

namespace Millrace.MySql.Capture;

internal sealed partial class CaptureLoop
{
    readonly Dictionary<string, (long Rows, long Began, long Before)> _estimates = [];
    TableWindow? _window;
    Chunk? _chunk;
    TaskCompletionSource? _delivered;
    TaskCompletionSource _wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A chunk's window, with the table it looks at.</summary>
    sealed class TableWindow(TableBinding table) : ChunkWindow
    {
        public TableBinding Table => table;
    }

    async Task<ChunkRequest> ISnapshotHost.Next(CancellationToken ct)
    {
        while (true)
        {
            // Asked for before the look, so that a wish that comes after it is not missed.
            var (request, wanted) = await _mailbox.Ask(
                async ValueTask<(ChunkRequest?, Task)> () =>
                {
                    var wish = _wanted.Task;
                    return (await Open(ct), wish);
                },
                ct
            );
            if (request is not null)
                return request;
            await wanted.WaitAsync(ct);
        }
    }

    async ValueTask<ChunkRequest?> Open(CancellationToken ct)
    {
        if (_schemaStale)
            await Refresh(ct);
        foreach (var captured in _capture.Tables)
        {
            var table = _tables.Find(_tables.Database, captured.Name)!;
            if (!table.Exists || table.Schema is null || (_saved.TryGetValue(table.Name, out var saved) && IsCurrent(saved) && saved.Ended))
                continue;
            if (saved is null || !IsCurrent(saved))
                saved = await BeginSnapshot(table, ct);
            _window = new TableWindow(table);
            return new ChunkRequest(table, table.Schema, saved.Snapshot, saved.After, new StreamPoint(_done, _gtids?.ToString()));
        }
        return null;
    }

    bool IsCurrent(SavedTable saved) => saved.Epoch == _position.Epoch;

    async ValueTask<SavedTable> BeginSnapshot(TableBinding table, CancellationToken ct)
    {
        _position = _position with { Snapshot = _position.Snapshot + 1 };
        var saved = _saved[table.Name] = new SavedTable(_position.Epoch, _position.Snapshot, 0, null, 0, false);
        Batch().SnapshotBegan(table.Captured, saved.Snapshot, Now);
        SavedState.Save(Batch(), table.Name, saved);
        SavedState.Save(Batch(), table.Name, table.Schema!);
        Log.SnapshotBegan(_log, _source, table.Name);
        await Commit(ct);
        return saved;
    }

    async Task ISnapshotHost.Deliver(Chunk chunk, CancellationToken ct)
    {
        var delivered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _mailbox.Post(() => (_chunk, _delivered) = (chunk, delivered));
        await delivered.Task.WaitAsync(ct);
    }

    async Task ISnapshotHost.Doubt(CancellationToken ct) =>
        await _mailbox.Ask(
            ValueTask<bool> () =>
            {
                _schemaStale = true;
                _window = null;
                return new(true);
            },
            ct
        );

    void ISnapshotHost.Estimate(TableBinding table, long rows) =>
        _mailbox.Post(() =>
            _estimates[table.Name] = (rows, _clock.GetTimestamp(), _saved.TryGetValue(table.Name, out var saved) ? saved.Rows : 0)
        );

    bool IsChunkDue => _chunk is not null && _done.CompareTo(_chunk.High) >= 0;

    /// <summary>Lets the waiting chunk in when the stream has come to where it was read; rows that the stream told meanwhile are left out.</summary>
    async ValueTask EmitChunk(CancellationToken ct)
    {
        if (!IsChunkDue)
            return;
        var (chunk, window, delivered) = (_chunk!, _window, _delivered!);
        (_chunk, _window, _delivered) = (null, null, null);
        if (window is { IsVoid: false } && _saved.TryGetValue(window.Table.Name, out var saved) && saved.Snapshot == chunk.Snapshot)
            await Emit(chunk, window, saved, ct);
        delivered.SetResult();
    }

    async ValueTask Emit(Chunk chunk, TableWindow window, SavedTable saved, CancellationToken ct)
    {
        var (table, batch) = (window.Table, Batch());
        if (chunk.Count > 0)
        {
            var bound = _tables.Bind(table, chunk.Columns);
            batch.BeginChunk(chunk.Snapshot, saved.Chunks, chunk.Time);
            for (var row = 0; row < chunk.Count; row++)
            {
                if (!window.Contains(chunk.KeyOf(row)))
                    batch.Insert(bound, chunk[row]);
            }
            batch.End();
        }
        saved = saved with
        {
            Chunks = saved.Chunks + 1,
            After = chunk.Upper ?? saved.After,
            Rows = saved.Rows + chunk.Count,
            Ended = chunk.Upper is null,
        };
        _saved[table.Name] = saved;
        SavedState.Save(batch, table.Name, saved);
        if (saved.Ended)
        {
            batch.SnapshotEnded(table.Captured, saved.Snapshot, Now);
            Log.SnapshotEnded(_log, _source, table.Name, saved.Rows);
            if (_capture.Tables.All(t => _saved.TryGetValue(t.Name, out var other) && IsCurrent(other) && other.Ended))
                batch.AllSnapshotsEnded(Now);
        }
        await Commit(ct);
        Report();
    }

    /// <summary>What a chunk of this table has read, or will, is worth nothing.</summary>
    void Void(TableBinding table)
    {
        if (_window?.Table == table)
            _window.IsVoid = true;
    }

    /// <summary>Rows that go with a deleted one, unlogged, may be in a chunk that was read before: it is read again.</summary>
    void VoidWindowBelow(TableBinding parent)
    {
        if (_window is { IsVoid: false } window && _tables.Cascades(parent, window.Table))
            window.IsVoid = true;
    }

    /// <summary>Has the table read anew, from the next commit on.</summary>
    void Resynchronize(TableBinding table, string why)
    {
        Void(table);
        Log.TableIsResynchronized(_log, _source, table.Name, why);
        SavedState.Forget(Batch(), table.Name);
        _saved.Remove(table.Name);
        WishSnapshot();
    }

    void WishSnapshot()
    {
        var wished = _wanted;
        _wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        wished.TrySetResult();
    }

    /// <summary>Looks the tables' definitions up again; <paramref name="isDefined"/> when the stream told of a change.</summary>
    async ValueTask Refresh(CancellationToken ct, bool isDefined = true)
    {
        _schemaStale = false;
        var changed = await _tables.Refresh(_sql, ct);
        _decoders.Forget();
        foreach (var table in _tables.All)
        {
            if (isDefined)
                table.IsUnreadable = false;
            if (table.Schema is not null)
                SavedState.Save(Batch(), table.Name, table.Schema);
        }
        foreach (var table in changed)
            Resynchronize(table, "a column has another type than before");
        WishSnapshot();
    }

    List<SnapshotProgress> Progress()
    {
        var progress = new List<SnapshotProgress>();
        foreach (var table in _capture.Tables)
        {
            var saved = _saved.TryGetValue(table.Name, out var known) && IsCurrent(known) ? known : null;
            if (saved is { Ended: true })
                continue;
            // A table that has not begun yet is shown as well: until all have ended the application has not seen everything.
            var rows = saved?.Rows ?? 0;
            if (!_estimates.TryGetValue(table.Name, out var estimate))
            {
                progress.Add(new SnapshotProgress(table.Name, rows, rows, null));
                continue;
            }
            var read = rows - estimate.Before;
            var left = Math.Max(0, estimate.Rows - rows);
            TimeSpan? remaining =
                read * 100 > estimate.Rows && read > 0 ? _clock.GetElapsedTime(estimate.Began) * ((double)left / read) : null;
            progress.Add(new SnapshotProgress(table.Name, rows, Math.Max(estimate.Rows, rows), remaining));
        }
        return progress;
    }
}
