using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>Reads one partition of a log in memory.</summary>
internal sealed class MemoryReader(TopicPartition source, MemoryLog log, long offset) : ILogReader
{
    private long _next = offset;

    public long End => log.End;

    public bool TryRead(int max, out RecordBatch batch)
    {
        var records = log.Read(_next, max, long.MaxValue);
        _next += records.Length;
        batch = new RecordBatch(source, records);
        return records.Length > 0;
    }

    public ValueTask WaitAsync(CancellationToken cancellation) => new(log.WaitAsync(_next).WaitAsync(cancellation));

    public void Dispose() { }
}

/// <summary>Reads committed state in memory.</summary>
internal sealed class MemoryStateReader(MemoryState state) : IStateReader
{
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        var found = state.Get(key);
        value = found;
        return found is not null;
    }

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false) => state.Range(from, to, descending);
}
