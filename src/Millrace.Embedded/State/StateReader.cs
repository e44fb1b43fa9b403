using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded.State;

/// <summary>Reads committed state for queries. Used by one thread at a time.</summary>
internal sealed class StateReader(RocksStore store, StateTable table) : IStateReader
{
    private byte[] _value = new byte[512];

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        var length = table.Get(key, ref _value);
        value = length < 0 ? default : _value.AsSpan(0, length);
        return length >= 0;
    }

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false)
    {
        var cursor = new TableCursor(store, table) { ReleaseWhenDisposed = true };
        cursor.Begin(from, to, descending);
        return cursor;
    }
}
