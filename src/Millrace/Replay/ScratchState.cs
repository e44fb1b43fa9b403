using Millrace.Engines;

namespace Millrace;

/// <summary>Told of each record that a replayed processor appends; the spans are valid until the call returns.</summary>
internal delegate void Appended(
    TopicPartition target,
    long time,
    ReadOnlySpan<byte> key,
    ReadOnlySpan<byte> headers,
    ReadOnlySpan<byte> value
);

/// <summary>
/// The state of one processor of a replay: written through, for nothing is ever taken back, and gone with the replay. What it appends goes to whoever
/// compares it. This one keeps all in memory; an engine's keeps the older part on the disk.
/// </summary>
internal class ScratchState : ITransaction, IDisposable
{
    private readonly StateOverlay _written = new();
    private readonly List<OverlayCursor> _cursors = [];

    /// <summary>Where records go.</summary>
    public Appended Appended { get; set; } = static (_, _, _, _, _) => { };

    public void Append(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value) =>
        Appended(target, time, key, headers, value);

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _written.Put(key, value);

    public void Delete(ReadOnlySpan<byte> key) => _written.Delete(key);

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value) =>
        _written.TryGet(key, out var deleted, out value) ? !deleted : TryGetStored(key, out value);

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false)
    {
        var cursor = _cursors.Find(static cursor => !cursor.InUse);
        if (cursor is null)
        {
            _cursors.Add(cursor = new OverlayCursor());
        }
        cursor.Begin(_written, StoredRange(from, to, descending), from, to, descending);
        return cursor;
    }

    /// <summary>A batch is handled: nothing reads what it read before, so this is the moment to move what was written elsewhere.</summary>
    public void Rest()
    {
        if (_written.Size > MostInMemory)
        {
            _written.Sort();
            Store(_written);
            _written.Clear();
        }
    }

    /// <summary>How many bytes are kept in memory.</summary>
    protected virtual int MostInMemory => int.MaxValue;

    /// <summary>Reads a key that is not in memory.</summary>
    protected virtual bool TryGetStored(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        value = default;
        return false;
    }

    /// <summary>Reads a range of what is not in memory.</summary>
    protected virtual StateCursor StoredRange(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending) => Nothing.Instance;

    /// <summary>Takes what was written, in the order of its keys.</summary>
    protected virtual void Store(StateOverlay written) => throw new InvalidOperationException("There is nowhere to store it.");

    protected virtual void Dispose(bool disposing) { }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    private sealed class Nothing : StateCursor
    {
        public static readonly Nothing Instance = new();

        public override ReadOnlySpan<byte> Key => default;

        public override ReadOnlySpan<byte> Value => default;

        public override bool MoveNext() => false;

        public override void Dispose() { }
    }
}
