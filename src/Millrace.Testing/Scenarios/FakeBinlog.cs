using System.Text;
using Millrace.Sources;

namespace Millrace.Testing;

/// <summary>Writes the monolith's changes into a capture as a source does: transactions with positions, snapshots with marks.</summary>
/// <param name="capture">Where they go.</param>
/// <param name="monolith">The tables.</param>
internal sealed class FakeBinlog(ICapture capture, Monolith monolith)
{
    private readonly Dictionary<string, (BoundTable Bound, string[] Columns)> _bound = new(StringComparer.Ordinal);
    private readonly List<LoggedTransaction> _log = [];
    private int _snapshot;

    /// <summary>Counts how often the source began anew.</summary>
    public int Epoch { get; set; } = 1;

    /// <summary>Columns that a table has beside those the application maps.</summary>
    public Dictionary<string, List<string>> MoreColumns { get; } = new(StringComparer.Ordinal);

    public IReadOnlyList<LoggedTransaction> Log => _log;

    /// <summary>Every mapped table.</summary>
    public IEnumerable<string> Tables => capture.Tables.Select(table => table.Name);

    /// <summary>Where the next transaction stands, in a count of its own.</summary>
    public long Next { get; set; } = 1;

    public async ValueTask WriteAsync(IReadOnlyList<LoggedChange> changes, long time, CancellationToken cancellation)
    {
        var transaction = new LoggedTransaction($"fake-{Epoch}-{Next}", new SourcePosition(Epoch, 1, Next), time, changes);
        Next++;
        _log.Add(transaction);
        await WriteAsync(transaction, cancellation).ConfigureAwait(false);
    }

    public async ValueTask WriteAsync(LoggedTransaction transaction, CancellationToken cancellation)
    {
        var batch = capture.Begin();
        batch.BeginTransaction(Encoding.UTF8.GetBytes(transaction.Id), transaction.Position, transaction.Time);
        foreach (var change in transaction.Changes)
        {
            Write(batch, change);
        }
        batch.End();
        Save(batch);
        await batch.CommitAsync(cancellation).ConfigureAwait(false);
    }

    public async ValueTask<int> SnapshotBeganAsync(string table, long time, CancellationToken cancellation)
    {
        var batch = capture.Begin();
        batch.SnapshotBegan(Captured(table), ++_snapshot, time);
        Save(batch);
        await batch.CommitAsync(cancellation).ConfigureAwait(false);
        return _snapshot;
    }

    public async ValueTask ChunkAsync(
        string table,
        int snapshot,
        int chunk,
        IEnumerable<byte[]> rows,
        long time,
        CancellationToken cancellation
    )
    {
        var batch = capture.Begin();
        batch.BeginChunk(snapshot, chunk, time);
        foreach (var row in rows)
        {
            Write(batch, new LoggedChange(table, null, row, null));
        }
        batch.End();
        await batch.CommitAsync(cancellation).ConfigureAwait(false);
    }

    public async ValueTask SnapshotEndedAsync(string table, int snapshot, long time, CancellationToken cancellation)
    {
        var batch = capture.Begin();
        batch.SnapshotEnded(Captured(table), snapshot, time);
        await batch.CommitAsync(cancellation).ConfigureAwait(false);
    }

    public async ValueTask AllSnapshotsEndedAsync(long time, CancellationToken cancellation)
    {
        var batch = capture.Begin();
        batch.AllSnapshotsEnded(time);
        await batch.CommitAsync(cancellation).ConfigureAwait(false);
    }

    public async ValueTask TruncateAsync(string table, long time, CancellationToken cancellation)
    {
        var batch = capture.Begin();
        var id = $"fake-{Epoch}-{Next}";
        batch.Truncated(Captured(table), ++_snapshot, Encoding.UTF8.GetBytes(id), new SourcePosition(Epoch, 1, Next++), time);
        Save(batch);
        await batch.CommitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Goes on after what an earlier run of the same application saved.</summary>
    /// <returns>Whether there was an earlier run.</returns>
    public bool Resume()
    {
        if (!capture.Saved.TryGet("fake"u8, out var saved))
        {
            return false;
        }
        var parts = Encoding.UTF8.GetString(saved).Split(' ');
        Next = long.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
        _snapshot = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        return true;
    }

    /// <summary>The table has another form from now on.</summary>
    public void Altered(string table) => _bound.Remove(table);

    private void Save(ICaptureBatch batch) =>
        batch.Save("fake"u8, Encoding.UTF8.GetBytes(FormattableString.Invariant($"{Next} {_snapshot}")));

    private CapturedTable Captured(string table) =>
        capture.Tables.FirstOrDefault(t => t.Name == table)
        ?? throw new ScenarioException(
            $"No aggregate of the topology maps the table {table}: its tables are {string.Join(", ", capture.Tables.Select(t => t.Name))}."
        );

    private (BoundTable Bound, string[] Columns) Bind(string name)
    {
        if (!_bound.TryGetValue(name, out var bound))
        {
            var table = Captured(name);
            string[] columns = [.. table.Columns, .. MoreColumns.GetValueOrDefault(name, [])];
            var cascades = monolith
                .Cascades.Where(child => child.Parent?.Definition.Table == name)
                .Select(child => new Cascade(child.Table, child.Parent!.Columns, SetsNull: false))
                .ToList();
            _bound.Add(name, bound = (capture.Bind(table, columns, cascades), columns));
        }
        return bound;
    }

    private void Write(ICaptureBatch batch, LoggedChange change)
    {
        var (table, columns) = Bind(change.Table);
        var before = Image(columns, change.Before, change.Columns);
        var after = Image(columns, change.After, change.Columns);
        if (change.Before is null)
        {
            batch.Insert(table, after.AsImage());
        }
        else if (change.After is null)
        {
            batch.Delete(table, before.AsImage());
        }
        else
        {
            batch.Update(table, before.AsImage(), after.AsImage());
        }
    }

    /// <summary>The row in its canonical form: the bound table's columns in order, those of the image.</summary>
    private static (byte[] Json, RowCell[] Cells) Image(string[] columns, byte[]? row, IReadOnlyList<string>? only)
    {
        var cells = new RowCell[columns.Length];
        if (row is null)
        {
            return ([], cells);
        }
        var json = new MemoryStream();
        for (var i = 0; i < columns.Length; i++)
        {
            cells[i] = new RowCell(-1, 0);
            var value = only is null || only.Contains(columns[i]) ? JsonMembers.Find(row, Encoding.UTF8.GetBytes(columns[i])) : default;
            if (value.IsEmpty)
            {
                continue;
            }
            json.Write(Encoding.UTF8.GetBytes($"{(json.Length == 0 ? '{' : ',')}\"{columns[i]}\":"));
            cells[i] = new RowCell((int)json.Length, value.Length);
            json.Write(value);
        }
        json.WriteByte((byte)'}');
        return (json.ToArray(), cells);
    }
}

internal static class Images
{
    public static RowImage AsImage(this in (byte[] Json, RowCell[] Cells) image) => new(image.Json, image.Cells);
}
