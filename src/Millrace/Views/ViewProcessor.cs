using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Millrace.Engines;

namespace Millrace;

/// <summary>Keeps one partition of a view: documents and index entries, in the transaction that moves the input on.</summary>
internal sealed class ViewProcessor<TEvent, TDocument> : IProcessor
    where TEvent : class
    where TDocument : class
{
    private readonly View<TEvent, TDocument> _view;
    private readonly int _partition;
    private readonly JsonTypeInfo<TEvent> _eventType;
    private readonly JsonTypeInfo<TDocument> _documentType;
    private readonly ViewHub<TDocument> _hub;
    private readonly ViewCounters _counters;
    private readonly DownstreamServices _services;
    private readonly Loop _loop;
    private readonly EntitySeal? _seal;

    private readonly Context _context = new(default, default, false);
    private readonly ParkedKeys _parked = new();
    private readonly byte[][] _indexNames;
    private readonly KeyBuffer[] _before;
    private readonly KeyBuffer[] _after;
    private readonly KeyBuffer _key = new();
    private readonly KeyBuffer _entry = new();
    private readonly KeyBuffer _json = new();
    private readonly Utf8JsonWriter _writer;
    private readonly Dictionary<string, TDocument?> _changes = new(StringComparer.Ordinal);
    private bool _loaded;
    private bool _watched;
    private long _documents;
    private long _time;
    private long _applied;

    public ViewProcessor(View<TEvent, TDocument> view, Application application, DownstreamServices services, int partition)
    {
        _view = view;
        _partition = partition;
        _eventType = application.Topology.JsonType<TEvent>();
        _documentType = application.Topology.JsonType<TDocument>();
        _hub = services.Hub(view);
        _counters = services.Counters.View(view, application.Partitions);
        _services = services;
        _seal = services.Seals?.For(view.Aggregate);
        _loop = services.Loops.Of(application.ViewGroup(view), partition);
        _indexNames = [.. view.Indexes.Select(index => Encoding.UTF8.GetBytes(index.Name))];
        _before = [.. view.Indexes.Select(_ => new KeyBuffer())];
        _after = [.. view.Indexes.Select(_ => new KeyBuffer())];
        _writer = new Utf8JsonWriter(_json);
    }

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        if (!_loaded)
        {
            _documents = transaction.TryGet(ViewKeys.Count, out var saved) ? BinaryPrimitives.ReadInt64LittleEndian(saved) : 0;
            _parked.Load(transaction);
            _loaded = true;
            Publish();
        }
        var documents = _documents;
        _changes.Clear();
        // On a shared engine the watchers hear it from the engine, as they hear what other processes commit.
        _watched = !_services.Engine.IsShared && _hub.IsWatched;
        foreach (ref readonly var record in batch.Records.Span)
        {
            cancellation.ThrowIfCancellationRequested();
            _time = Math.Max(_time, record.Time);
            if (new RecordHeaders(record.Headers.Span).Kind != RecordKind.Control)
            {
                Apply(transaction, Incoming.Of(record, 0, Moment.None));
                _applied++;
            }
            else
            {
                Control(transaction, record, cancellation);
            }
        }
        if (_documents != documents)
        {
            Span<byte> count = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(count, _documents);
            transaction.Put(ViewKeys.Count, count);
        }
        return new(_loop.Beat(false, null));
    }

    public void Committed()
    {
        Publish();
        foreach (var (key, document) in _changes)
        {
            _hub.Publish(key, document);
        }
        _hub.Committed.Pulse();
    }

    public ValueTask DisposeAsync()
    {
        _seal?.Dispose();
        return _writer.DisposeAsync();
    }

    private void Publish()
    {
        _counters.Set(_partition, _documents, _time, _parked.Count, _applied);
        _applied = 0;
    }

    private void Control(ITransaction transaction, in Record record, CancellationToken cancellation)
    {
        var headers = new EventHeaders(record.Headers.Span);
        if (headers.Type.SequenceEqual(Controls.Erased))
        {
            Erase(transaction, _view.IsPerEntity ? record.Key : headers.Subject.ToArray());
            return;
        }
        if (
            _parked.Count == 0
            || !Deed.TryRead(headers.Type, record.Value.Span, _view.Name, out var deed)
            || !_parked.TryTake(transaction, record.Key.Span, deed, out var kept)
        )
        {
            return;
        }
        DownstreamLog.Operated(_services.Logger, _view.Name, record.Key.Span, deed);
        foreach (var item in kept)
        {
            cancellation.ThrowIfCancellationRequested();
            Apply(transaction, item);
        }
    }

    /// <summary>An entity is erased: its document goes, or what other documents have of it.</summary>
    private void Erase(ITransaction transaction, ReadOnlyMemory<byte> entity)
    {
        if (_view.IsPerEntity)
        {
            _parked.Forget(transaction, entity.Span);
            EraseFrom(transaction, entity.Span, static (_, _) => null, default);
            return;
        }
        if (_view.EraseFrom is not { } erase)
        {
            return;
        }
        var keys = new List<byte[]>();
        using (var cursor = transaction.Range([ViewKeys.Document], [ViewKeys.Document + 1]))
        {
            while (cursor.MoveNext())
            {
                keys.Add(cursor.Key[1..].ToArray());
            }
        }
        EntityId id = Encoding.UTF8.GetString(entity.Span);
        foreach (var key in keys)
        {
            EraseFrom(transaction, key, erase, id);
        }
    }

    private void EraseFrom(ITransaction transaction, ReadOnlySpan<byte> key, Func<TDocument, EntityId, TDocument?> erase, EntityId entity)
    {
        if (!transaction.TryGet(_key.Start(ViewKeys.Document).Raw(key), out var stored))
        {
            return;
        }
        var before = JsonSerializer.Deserialize(stored, _documentType)!;
        var after = erase(before, entity);
        if (ReferenceEquals(before, after))
        {
            return;
        }
        Places(before, key, _before);
        Serialize(after, key);
        Write(transaction, key, wasThere: true, after is not null);
        if (_watched)
        {
            _changes[Encoding.UTF8.GetString(key)] = after;
        }
    }

    private void Serialize(TDocument? document, ReadOnlySpan<byte> key)
    {
        if (document is not null)
        {
            Places(document, key, _after);
            _json.Clear();
            _writer.Reset();
            JsonSerializer.Serialize(_writer, document, _documentType);
        }
    }

    private void Apply(ITransaction transaction, in Incoming item)
    {
        var key = item.Key.Span;
        if (_parked.Holds(transaction, key))
        {
            _parked.Add(transaction, item);
            return;
        }
        TDocument? before = null;
        TDocument? after;
        string name;
        try
        {
            // All user code runs before the first write, so that what throws leaves nothing behind.
            var headers = new EventHeaders(item.Headers.Span);
            if (!_seal.TryOpen(item, headers, out var value))
            {
                return;
            }
            name = Encoding.UTF8.GetString(key);
            _context.Time = Instants.Of(item.Time);
            _context.EntityId = new EntityId(headers.Subject.IsEmpty ? name : Encoding.UTF8.GetString(headers.Subject));
            _context.IsSnapshot = headers.IsSnapshot;
            if (transaction.TryGet(_key.Start(ViewKeys.Document).Raw(key), out var stored))
            {
                before = JsonSerializer.Deserialize(stored, _documentType);
                Places(before!, key, _before);
            }
            after = _view.Apply(before, JsonSerializer.Deserialize(value, _eventType)!, _context);
            if (ReferenceEquals(before, after))
            {
                return;
            }
            Serialize(after, key);
        }
        catch (Exception e)
        {
            _parked.Park(transaction, item, e);
            DownstreamLog.DocumentParked(_services.Logger, _view.Name, Encoding.UTF8.GetString(key), e);
            return;
        }
        Write(transaction, key, before is not null, after is not null);
        if (_watched)
        {
            _changes[name] = after;
        }
    }

    private void Places(TDocument document, ReadOnlySpan<byte> key, KeyBuffer[] places)
    {
        for (var i = 0; i < places.Length; i++)
        {
            _view.Indexes[i].WriteKey(document, places[i].StartIndex(_indexNames[i]));
            places[i].Raw(key);
        }
    }

    private void Write(ITransaction transaction, ReadOnlySpan<byte> key, bool wasThere, bool isThere)
    {
        _key.Start(ViewKeys.Document).Raw(key);
        if (isThere)
        {
            transaction.Put(_key, _json);
            ViewKeys.WriteEntry(_entry, key.Length, _json);
        }
        else
        {
            transaction.Delete(_key);
        }
        for (var i = 0; i < _before.Length; i++)
        {
            if (wasThere && !(isThere && _before[i].Span.SequenceEqual(_after[i])))
            {
                transaction.Delete(_before[i]);
            }
            if (isThere)
            {
                transaction.Put(_after[i], _entry);
            }
        }
        _documents += (isThere ? 1 : 0) - (wasThere ? 1 : 0);
    }
}
