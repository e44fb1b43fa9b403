using Millrace.Engines;

namespace Millrace.Rocks;

/// <summary>A replay's state: the newer part in memory, the older in a RocksDB of its own in a folder that goes with it. Nothing is logged or synced.</summary>
/// <param name="mostInMemory">Bytes of the newer part.</param>
internal sealed class RocksScratch(int mostInMemory = 48 << 20) : ScratchState
{
    private const int WriteBufferBytes = 32 << 20;
    private const int StepBytes = 1 << 20;
    private static readonly Family States = new(0, "default") { Compressed = false };

    private RocksStore? _store;
    private string? _folder;
    private byte[] _value = new byte[1024];

    protected override int MostInMemory => mostInMemory;

    protected override bool TryGetStored(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        var length = _store is null ? -1 : _store.Get(States, key, ref _value);
        value = length < 0 ? default : _value.AsSpan(0, length);
        return length >= 0;
    }

    protected override StateCursor StoredRange(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending)
    {
        if (_store is null)
        {
            return base.StoredRange(from, to, descending);
        }
        var cursor = new StoredCursor(_store, States, []);
        // No key of a state begins with it.
        cursor.Begin(from, to.IsEmpty ? [0xFF] : to, descending);
        return cursor;
    }

    protected override void Store(StateOverlay written)
    {
        if (_store is null)
        {
            _folder = Directory.CreateTempSubdirectory("millrace-replay-").FullName;
            _store = new RocksStore(_folder, [States], WriteBufferBytes, WriteBufferBytes);
        }
        using var batch = new WriteBatch(_store);
        long bytes = 0;
        for (var i = 0; i < written.Count; i++)
        {
            if (written.IsDeletedAt(i))
            {
                batch.Delete(States, written.KeyAt(i));
            }
            else
            {
                batch.Put(States, written.KeyAt(i), written.ValueAt(i));
            }
            bytes += written.KeyAt(i).Length + written.ValueAt(i).Length;
            if (bytes > StepBytes)
            {
                _store.WriteUnlogged(batch);
                batch.Clear();
                bytes = 0;
            }
        }
        _store.WriteUnlogged(batch);
    }

    protected override void Dispose(bool disposing)
    {
        _store?.Dispose();
        _store = null;
        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
            _folder = null;
        }
        base.Dispose(disposing);
    }
}
