using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Millrace.Sources;

namespace Millrace.Parcels;

/// <summary>A source that says what a test tells it, and stands as a test says.</summary>
public sealed class ToldSource : ISource
{
    private static readonly Dictionary<string, string[]> Columns = new()
    {
        ["parcels"] = ["id", "place", "status", "note"],
        ["scans"] = ["id", "parcel_id", "hub"],
    };

    private readonly Channel<(Action<Rows> Changes, TaskCompletionSource Done)> _told = Channel.CreateUnbounded<(
        Action<Rows>,
        TaskCompletionSource
    )>();
    private SourceStatus _status = new() { Connected = true, LagMicroseconds = 0 };
    private ICapture? _capture;
    private volatile bool _runs;

    public string Name => "post";

    /// <summary>Where the last transaction stands; where another process said things before, told from there on.</summary>
    public long Offset { get; set; }

    /// <summary>Whether it is read, in this process.</summary>
    public bool Runs => _runs;

    /// <summary>What it finds wrong before the start.</summary>
    public List<string> Problems { get; } = [];

    public ValueTask<IReadOnlyList<string>> CheckAsync(IReadOnlyList<CapturedTable> tables, CancellationToken cancellation) =>
        new(Problems);

    /// <summary>Says how it stands from now on.</summary>
    public void Report(Func<SourceStatus, SourceStatus> change)
    {
        _status = change(_status);
        _capture?.Report(_status);
    }

    /// <summary>One source transaction; returns when it is in the command log.</summary>
    public Task CommitAsync(Action<Rows> changes)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _told.Writer.TryWrite((changes, done));
        return done.Task;
    }

    public async Task RunAsync(ICapture capture, CancellationToken cancellation)
    {
        _capture = capture;
        var tables = capture.Tables.ToDictionary(table => table.Name, table => capture.Bind(table, Columns[table.Name], []));
        capture.Report(_status);
        using var turns = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        _runs = true;
        try
        {
            do
            {
                // What could not be committed is said again, as a source that starts again reads it again.
                while (_told.Reader.TryPeek(out var told))
                {
                    await WriteAsync(capture, tables, told.Changes, cancellation);
                    _told.Reader.TryRead(out _);
                    told.Done.SetResult();
                }
                // At the head, time goes on though nothing happens.
                _status = _status with
                {
                    Watermark = Micros(DateTimeOffset.UtcNow),
                };
                capture.Report(_status);
            } while (await turns.WaitForNextTickAsync(cancellation));
        }
        finally
        {
            _runs = false;
        }
    }

    private async Task WriteAsync(
        ICapture capture,
        IReadOnlyDictionary<string, BoundTable> tables,
        Action<Rows> changes,
        CancellationToken cancellation
    )
    {
        var batch = capture.Begin();
        var at = new SourcePosition(1, 1, Offset + 1);
        batch.BeginTransaction(Encoding.UTF8.GetBytes($"0-1-{Offset + 1}"), at, Micros(DateTimeOffset.UtcNow));
        changes(new Rows(batch, tables));
        batch.End();
        await batch.CommitAsync(cancellation);
        Offset++;
        _status = _status with { Rows = _status.Rows + 1, Position = $"told.000001:{Offset}", Head = $"told.000001:{Offset}" };
    }

    private static long Micros(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>The rows of one transaction.</summary>
    public sealed class Rows(ICaptureBatch batch, IReadOnlyDictionary<string, BoundTable> tables)
    {
        public Rows Insert(string table, params ReadOnlySpan<object?> values)
        {
            var (json, cells) = Image(table, values);
            batch.Insert(tables[table], new RowImage(json, cells));
            return this;
        }

        public Rows Update(string table, object?[] before, object?[] after)
        {
            var (was, wasCells) = Image(table, before);
            var (now, nowCells) = Image(table, after);
            batch.Update(tables[table], new RowImage(was, wasCells), new RowImage(now, nowCells));
            return this;
        }

        private static (byte[] Json, RowCell[] Cells) Image(string table, ReadOnlySpan<object?> values)
        {
            var json = new StringBuilder("{");
            var cells = new RowCell[values.Length];
            for (var i = 0; i < values.Length; i++)
            {
                json.Append(i > 0 ? "," : "").Append('"').Append(Columns[table][i]).Append("\":");
                var text = JsonSerializer.Serialize(values[i]);
                cells[i] = new RowCell(json.Length, text.Length);
                json.Append(text);
            }
            return (Encoding.UTF8.GetBytes(json.Append('}').ToString()), cells);
        }
    }
}
