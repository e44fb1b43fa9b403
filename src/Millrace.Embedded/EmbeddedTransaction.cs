using Millrace.Embedded.Logs;
using Millrace.Embedded.State;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded;

/// <summary>
/// What one commit will write. A processor's is used again and again, and keeps views of the store between ranges; an appender's goes
/// back to it, or is dropped, and keeps none.
/// </summary>
internal sealed class EmbeddedTransaction(RocksStore store, Catalog catalog, StateTable table, bool keepViews) : ITransaction
{
    private readonly record struct Target(Topic Topic, int Partition, PartitionLog Log);

    private readonly List<Target> _known = [];
    private readonly List<LogBlockWriter> _writers = [];
    private readonly List<TableCursor> _cursors = [];
    private readonly List<OverlayCursor> _overlays = [];
    private byte[] _value = new byte[512];

    public StateTable Table => table;

    public StateOverlay State { get; } = new();

    /// <summary>The blocks to store, in order; those without records are left over from earlier commits.</summary>
    public List<LogBlockWriter> Writers => _writers;

    public bool HasWrites
    {
        get
        {
            foreach (var writer in _writers)
            {
                if (writer.Count > 0)
                {
                    return true;
                }
            }
            return State.Count > 0;
        }
    }

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        if (State.TryGet(key, out var deleted, out value))
        {
            return !deleted;
        }
        var length = table.Get(key, ref _value);
        value = length < 0 ? default : _value.AsSpan(0, length);
        return length >= 0;
    }

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false)
    {
        var free = _overlays.FindIndex(static o => !o.InUse);
        if (free < 0)
        {
            free = _overlays.Count;
            _overlays.Add(new OverlayCursor());
            _cursors.Add(new TableCursor(store, table) { ReleaseWhenDisposed = !keepViews });
        }
        _cursors[free].Begin(from, to, descending);
        _overlays[free].Begin(State, _cursors[free], from, to, descending);
        return _overlays[free];
    }

    public void Append(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value) =>
        Writer(Log(target)).Append(time, key, headers, value);

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => State.Put(key, value);

    public void Delete(ReadOnlySpan<byte> key) => State.Delete(key);

    /// <summary>Forgets everything written.</summary>
    public void Clear()
    {
        State.Clear();
        for (var i = _writers.Count - 1; i >= 0; i--)
        {
            _writers[i].Clear();
            if (i >= 64)
            {
                _writers.RemoveAt(i);
            }
        }
    }

    /// <summary>Lets views of the store go, which would keep old files on the disk while nothing happens.</summary>
    public void Rest() => _cursors.ForEach(static c => c.Release());

    private PartitionLog Log(TopicPartition target)
    {
        // The same topic object again and again: compared by reference, found by name only the first time.
        foreach (var known in _known)
        {
            if (ReferenceEquals(known.Topic, target.Topic) && known.Partition == target.Partition)
            {
                return known.Log;
            }
        }
        var log = catalog.Log(target);
        if (_known.Count < 64)
        {
            _known.Add(new Target(target.Topic, target.Partition, log));
        }
        return log;
    }

    private LogBlockWriter Writer(PartitionLog log)
    {
        // From the end: a full block is followed by another of the same log.
        for (var i = _writers.Count - 1; i >= 0; i--)
        {
            if (_writers[i].Target == log)
            {
                if (!_writers[i].Full)
                {
                    return _writers[i];
                }
                break;
            }
        }
        var writer = new LogBlockWriter(log);
        _writers.Add(writer);
        return writer;
    }
}
