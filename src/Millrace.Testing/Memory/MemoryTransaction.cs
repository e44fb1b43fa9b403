using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>Uncommitted writes over the committed state of one partition.</summary>
internal sealed class MemoryTransaction(MemoryStore store, string name, int partition) : ITransaction
{
    private readonly StateOverlay _overlay = new();
    private readonly MemoryState _state = store.State(name, partition);
    private readonly List<(TopicPartition, MemoryRecord)> _records = [];

    public bool HasWrites => _overlay.Count > 0 || _records.Count > 0;

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        if (_overlay.TryGet(key, out var deleted, out value))
        {
            return !deleted;
        }
        var committed = _state.Get(key);
        value = committed;
        return committed is not null;
    }

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false)
    {
        var cursor = new OverlayCursor();
        cursor.Begin(_overlay, _state.Range(from, to, descending), from, to, descending);
        return cursor;
    }

    public void Append(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        store.Log(target);
        _records.Add((target, new MemoryRecord(time, key.ToArray(), headers.ToArray(), value.ToArray())));
    }

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _overlay.Put(key, value);

    public void Delete(ReadOnlySpan<byte> key) => _overlay.Delete(key);

    /// <summary>What a commit of it would change.</summary>
    public MemoryCommit ToCommit((TopicPartition, long)? position)
    {
        _overlay.Sort();
        var writes = new List<KeyValuePair<byte[], byte[]?>>(_overlay.Count);
        for (var i = 0; i < _overlay.Count; i++)
        {
            writes.Add(new(_overlay.KeyAt(i).ToArray(), _overlay.IsDeletedAt(i) ? null : _overlay.ValueAt(i).ToArray()));
        }
        return new MemoryCommit(name, partition, writes, _records, position);
    }
}
