using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Kafka.State;

/// <summary>
/// The local copy of one partition of a state: what its topic holds up to an offset. Written by its owner after each commit, or by the follower
/// while somebody else owns it; never by both.
/// </summary>
internal sealed class Image
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ImageStore _store;
    private readonly byte[] _prefix = new byte[8];
    private readonly ConcurrentDictionary<string, long> _positions = new(StringComparer.Ordinal);
    private readonly object _gate = new();
    private readonly List<(byte[] Key, byte[] Value, bool IsDeleted)> _changes = [];
    private StateChanged[] _watchers = [];
    private bool _committing;
    private long _next;

    public Image(ImageStore store, string name, int partition, int number)
    {
        _store = store;
        Name = name;
        Partition = partition;
        BinaryPrimitives.WriteInt32BigEndian(_prefix, number);
        BinaryPrimitives.WriteInt32BigEndian(_prefix.AsSpan(4), partition);
        Load();
    }

    public string Name { get; }

    public int Partition { get; }

    public byte[] Prefix => _prefix;

    /// <summary>The offset in the state's topic up to which this is.</summary>
    public long Next => Volatile.Read(ref _next);

    /// <summary>When something was last written to it.</summary>
    public DateTimeOffset WrittenAt { get; private set; }

    /// <summary>Whether it has been brought up to its topic's end since this process began, so that it may answer queries.</summary>
    public bool IsCaughtUp { get; set; }

    /// <summary>Whether this process writes it.</summary>
    public bool IsOwned { get; set; }

    /// <summary>Whether somebody here has asked for it, so that it is kept up to date after others took it over.</summary>
    public bool IsQueried { get; set; }

    /// <summary>The next offset of an input as of this state; 0 where nothing was read.</summary>
    public long Position(string topic) => _positions.GetValueOrDefault(topic);

    /// <summary>The end of an input was seen past records that nobody processes: commit marks and what was aborted.</summary>
    public void Pass(string topic, long offset) => _positions[topic] = offset;

    public int Get(ReadOnlySpan<byte> key, ref byte[] value)
    {
        Span<byte> full = key.Length <= 248 ? stackalloc byte[8 + key.Length] : new byte[8 + key.Length];
        _prefix.CopyTo(full);
        key.CopyTo(full[8..]);
        return _store.Store.Get(ImageStore.StateFamily, full, ref value);
    }

    public StoredCursor Cursor() => new(_store.Store, ImageStore.StateFamily, _prefix);

    /// <summary>A commit of it is under way: outputs may be seen by others before they are applied here.</summary>
    public void BeginCommit()
    {
        lock (_gate)
        {
            _committing = true;
        }
    }

    /// <summary>The commit is applied, or was none.</summary>
    public void EndCommit()
    {
        lock (_gate)
        {
            _committing = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Tells what is written from now on, by whomever.</summary>
    public void Watch(StateChanged changed)
    {
        lock (_gate)
        {
            _watchers = [.. _watchers, changed];
        }
    }

    /// <summary>Waits for a commit that is under way, so that who has seen an output finds the state that goes with it.</summary>
    public void Settle()
    {
        lock (_gate)
        {
            while (_committing && Monitor.Wait(_gate, Patience)) { }
        }
    }

    /// <summary>Writes what was committed.</summary>
    /// <param name="batch">Where to.</param>
    /// <param name="writes">The state's writes.</param>
    /// <param name="positions">The positions of its inputs that changed.</param>
    /// <param name="next">The offset after its last record in the state's topic; null where it wrote none.</param>
    public void Apply(WriteBatch batch, StateOverlay writes, IReadOnlyList<KeyValuePair<string, long>> positions, long? next)
    {
        var key = new byte[256];
        _prefix.CopyTo(key, 0);
        // In key order the store finds each place next to the one before.
        writes.Sort();
        for (var i = 0; i < writes.Count; i++)
        {
            var full = Full(ref key, writes.KeyAt(i));
            if (writes.IsDeletedAt(i))
            {
                batch.Delete(ImageStore.StateFamily, full);
            }
            else
            {
                batch.Put(ImageStore.StateFamily, full, writes.ValueAt(i));
            }
        }
        // What was written before the copy was complete is no news.
        var watched = IsCaughtUp && Volatile.Read(ref _watchers).Length > 0;
        for (var i = 0; watched && i < writes.Count; i++)
        {
            _changes.Add((writes.Key(i).ToArray(), writes.Value(i).ToArray(), writes.IsDeleted(i)));
        }
        foreach (var (topic, offset) in positions)
        {
            ImageStore.PutMeta(batch, MetaKey((byte)'p', topic), Number(offset));
        }
        if (next is { } offsetAfter)
        {
            Stamp(batch, offsetAfter);
        }
    }

    /// <summary>What <see cref="Apply"/> wrote is stored: from now on it is what queries see.</summary>
    public void Applied(IReadOnlyList<KeyValuePair<string, long>> positions, long? next)
    {
        foreach (var (topic, offset) in positions)
        {
            _positions[topic] = offset;
        }
        if (next is { } offsetAfter)
        {
            Volatile.Write(ref _next, offsetAfter);
        }
        if (_changes.Count > 0)
        {
            foreach (var watcher in Volatile.Read(ref _watchers))
            {
                _changes.ForEach(change => watcher(change.Key, change.Value, change.IsDeleted));
            }
            _changes.Clear();
        }
    }

    /// <summary>Forgets everything: it is read anew.</summary>
    public void Wipe()
    {
        var end = (byte[])_prefix.Clone();
        for (var i = end.Length - 1; ++end[i] == 0; i--) { }
        _store.Write(batch =>
        {
            batch.DeleteRange(ImageStore.StateFamily, _prefix, end);
            foreach (var kind in "op"u8)
            {
                ImageStore.DeleteMeta(batch, [kind, .. _prefix], [kind, .. end]);
            }
        });
        _positions.Clear();
        Volatile.Write(ref _next, 0);
        IsCaughtUp = false;
    }

    private void Stamp(WriteBatch batch, long next)
    {
        WrittenAt = DateTimeOffset.UtcNow;
        Span<byte> value = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(value, next);
        BinaryPrimitives.WriteInt64BigEndian(value[8..], WrittenAt.ToUnixTimeMilliseconds());
        ImageStore.PutMeta(batch, MetaKey((byte)'o', ""), value);
    }

    private void Load()
    {
        using var metas = _store.Metas();
        var key = MetaKey((byte)'o', "");
        if (metas.Seek(key) && metas.Key.SequenceEqual(key))
        {
            _next = BinaryPrimitives.ReadInt64BigEndian(metas.Value);
            WrittenAt = DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(metas.Value[8..]));
        }
        var prefix = MetaKey((byte)'p', "");
        for (var found = metas.Seek(prefix); found && metas.Key.StartsWith(prefix); found = metas.Next())
        {
            _positions[Encoding.UTF8.GetString(metas.Key[prefix.Length..])] = BinaryPrimitives.ReadInt64BigEndian(metas.Value);
        }
    }

    private byte[] MetaKey(byte kind, string topic) => [kind, .. _prefix, .. Encoding.UTF8.GetBytes(topic)];

    private static ReadOnlySpan<byte> Full(ref byte[] key, ReadOnlySpan<byte> own)
    {
        var length = 8 + own.Length;
        if (key.Length < length)
        {
            Array.Resize(ref key, length * 2);
        }
        own.CopyTo(key.AsSpan(8));
        return key.AsSpan(0, length);
    }

    private static byte[] Number(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }
}
