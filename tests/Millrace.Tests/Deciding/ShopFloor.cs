using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace.Tests.Deciding;

/// <summary>The shop on the in-memory engine, stepped by hand: changes in by the source's contract, events out of the log.</summary>
public sealed class ShopFloor : IAsyncDisposable
{
    public const int Partitions = 4;
    private static readonly string[] Carts = ["id", "name", "status", "shelf_id"];
    private static readonly string[] Lines = ["id", "cart_id", "amount"];
    private static readonly string[] Shelves = ["id", "label"];

    private readonly InMemoryEngine _engine = new(new NoTime());
    private readonly Runtime _runtime;
    private readonly ProcessorGroup[] _groups;
    private readonly Dictionary<string, BoundTable> _tables = [];
    private long _offset;

    public ShopFloor(bool cascades = true, Topology? topology = null, Func<ProcessorGroup, ProcessorGroup>? watched = null)
    {
        _runtime = new Runtime(
            topology ?? Shop.Topology,
            new MillraceOptions { Partitions = Partitions },
            _engine,
            [new NoSource()],
            new Dictionary<Type, object>(),
            new NoServices(),
            TimeProvider.System,
            NullLogger.Instance
        );
        _groups = [.. _runtime.Groups.Select(watched ?? (group => group))];
        _runtime.PrepareAsync(CancellationToken.None).GetAwaiter().GetResult();
        var capture = Capture;
        foreach (var table in capture.Tables)
        {
            _tables[table.Name] = capture.Bind(
                table,
                table.Name switch
                {
                    "carts" => Carts,
                    "lines" => Lines,
                    _ => Shelves,
                },
                table.Name == "carts" && cascades ? [new Cascade("lines", ["cart_id"], false)] : []
            );
        }
    }

    internal Runtime Runtime => _runtime;
    internal Capture Capture => _runtime.Captures[0];

    /// <summary>One source transaction; returns once everything is decided.</summary>
    public ShopFloor Transaction(Action<ShopBatch> changes, SourcePosition? position = null)
    {
        var batch = Capture.Begin();
        var at = position ?? new SourcePosition(1, 1, ++_offset);
        batch.BeginTransaction(Encoding.UTF8.GetBytes($"tx-{at.File}-{at.Offset}"), at, 1_000_000 * at.Offset);
        changes(new ShopBatch(batch, _tables));
        batch.End();
        batch.CommitAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return Settle();
    }

    public ShopFloor Raw(Action<ICaptureBatch, IReadOnlyDictionary<string, BoundTable>> write)
    {
        var batch = Capture.Begin();
        write(batch, _tables);
        batch.CommitAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return Settle();
    }

    public ShopFloor Settle()
    {
        _engine.Settle(_groups);
        return this;
    }

    /// <summary>An entity's events in the log, as JSON without the discriminator's noise.</summary>
    public IReadOnlyList<string> Events(string cart) => [.. Records(cart).Select(record => record.Json)];

    public IReadOnlyList<(string Id, string Json)> Records(string cart)
    {
        var found = new List<(string, string)>();
        for (var partition = 0; partition < Partitions; partition++)
        {
            using var reader = _engine.Read(new TopicPartition(_runtime.Application.Events(Cart.Definition), partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.Span)
                {
                    if (Encoding.UTF8.GetString(record.Key.Span) == cart)
                    {
                        var id = Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.Id]);
                        found.Add((id, Encoding.UTF8.GetString(record.Value.Span)));
                    }
                }
            }
        }
        return found;
    }

    public OutcomeReader Outcomes(long cart)
    {
        var partition = Slots.PartitionOf(Encoding.UTF8.GetBytes($"{cart}"), Partitions);
        var log = new TopicPartition(_runtime.Application.Outcomes(Cart.Definition), partition);
        using var probe = _engine.Read(log, 0);
        return new OutcomeReader(
            _engine.Read(log, probe.End),
            _engine.Read(new TopicPartition(_runtime.Application.Events(Cart.Definition), partition), 0),
            partition,
            _runtime.Sender.Answer
        );
    }

    public static (string Json, RowCell[] Cells) Image(params ReadOnlySpan<(string Column, object? Value)> row)
    {
        var json = new StringBuilder("{");
        var cells = new List<RowCell>();
        foreach (var (column, value) in row)
        {
            if (value is Missing)
            {
                cells.Add(new RowCell(-1, 0));
                continue;
            }
            json.Append(json.Length > 1 ? "," : "").Append($"\"{column}\":");
            var text = JsonSerializer.Serialize(value);
            cells.Add(new RowCell(json.Length, text.Length));
            json.Append(text);
        }
        return (json.Append('}').ToString(), [.. cells]);
    }

    public async ValueTask DisposeAsync()
    {
        await _runtime.DisposeAsync();
        await _engine.DisposeAsync();
    }

    /// <summary>Stands for a column that an image lacks.</summary>
    public sealed record Missing;

    /// <summary>A clock that stands still: nobody is called because time has passed, however slow the machine is.</summary>
    private sealed class NoTime : TimeProvider
    {
        public override long GetTimestamp() => 0;
    }

    private sealed class NoSource : ISource
    {
        public string Name => "shop";

        public Task RunAsync(ICapture capture, CancellationToken cancellation) => Task.CompletedTask;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}

public sealed class ShopBatch(ICaptureBatch batch, IReadOnlyDictionary<string, BoundTable> tables)
{
    public static (string, object?)[] Cart(long id, object? name = null, object? status = null, object? shelf = null) =>
        [("id", id), ("name", name ?? "cart"), ("status", status ?? "open"), ("shelf_id", shelf ?? 1)];

    public static (string, object?)[] Line(long id, object? cart, object? amount = null) =>
        [("id", id), ("cart_id", cart), ("amount", amount ?? 1)];

    public static (string, object?)[] Shelf(long id, string label = "food") => [("id", id), ("label", label)];

    public ShopBatch Insert(string table, (string, object?)[] row)
    {
        var (json, cells) = ShopFloor.Image(row);
        batch.Insert(tables[table], new RowImage(Encoding.UTF8.GetBytes(json), cells));
        return this;
    }

    public ShopBatch Update(string table, (string, object?)[] before, (string, object?)[] after)
    {
        var (was, wasCells) = ShopFloor.Image(before);
        var (now, nowCells) = ShopFloor.Image(after);
        batch.Update(
            tables[table],
            new RowImage(Encoding.UTF8.GetBytes(was), wasCells),
            new RowImage(Encoding.UTF8.GetBytes(now), nowCells)
        );
        return this;
    }

    public ShopBatch Delete(string table, (string, object?)[] before)
    {
        var (json, cells) = ShopFloor.Image(before);
        batch.Delete(tables[table], new RowImage(Encoding.UTF8.GetBytes(json), cells));
        return this;
    }
}

/// <summary>Answers those who wait, as the host's readers do.</summary>
public sealed class OutcomeReader(ILogReader outcomes, ILogReader events, int partition, Action<ILogReader, ILogReader, int> answer)
    : IDisposable
{
    public void Answer() => answer(outcomes, events, partition);

    public void Dispose()
    {
        outcomes.Dispose();
        events.Dispose();
    }
}
