using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Kafka.State;

/// <summary>
/// The local copies of state, in one RocksDB. It is written only after a commit on the broker, together with the offset the copy is at, so what is
/// there after a crash is the state of some moment, and the rest is read from the state's topic.
/// </summary>
internal sealed class ImageStore : IDisposable
{
    /// <summary>
    /// How long deletions stay in a state's topic (<c>delete.retention.ms</c>). A copy that was away for longer may have missed some, and is read
    /// anew (KIP-1259).
    /// </summary>
    public static readonly TimeSpan Absence = TimeSpan.FromDays(7);

    private static readonly Family Meta = new(0, "default") { WriteBufferBytes = 4 << 20 };
    private static readonly Family Rows = new(1, "state");

    private readonly ConcurrentDictionary<(string Name, int Partition), Image> _images = new();
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly Lock _writing = new();
    private readonly WriteBatch _batch;

    public ImageStore(KafkaOptions options)
    {
        Store = new RocksStore(options.Folder, [Meta, Rows], options.WriteBufferBytes, options.BlockCacheBytes);
        _batch = new WriteBatch(Store);
        using var names = Store.Iterate(Meta);
        for (var found = names.Seek("n"u8); found && names.Key[0] == (byte)'n'; found = names.Next())
        {
            _numbers.Add(Encoding.UTF8.GetString(names.Key[1..]), BinaryPrimitives.ReadInt32BigEndian(names.Value));
        }
    }

    public RocksStore Store { get; }

    public static Family StateFamily => Rows;

    /// <summary>The copy of one partition of a state; made empty where there is none.</summary>
    public Image Open(string name, int partition) =>
        _images.GetOrAdd((name, partition), static (key, store) => store.Load(key.Name, key.Partition), this);

    /// <summary>The copy, where this process has it open.</summary>
    public Image? Find(string name, int partition) => _images.GetValueOrDefault((name, partition));

    /// <summary>The copies of a state that this process has open.</summary>
    public IEnumerable<Image> All(string name) => _images.Where(i => i.Key.Name == name).Select(i => i.Value);

    /// <summary>Writes all of something at once.</summary>
    public void Write(Action<WriteBatch> fill)
    {
        lock (_writing)
        {
            _batch.Clear();
            fill(_batch);
            Store.Write(_batch);
            // To the system's cache, which survives the process: a kill costs nothing, a power cut what the topic has.
            Store.FlushLog(sync: false);
        }
    }

    public static void PutMeta(WriteBatch batch, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => batch.Put(Meta, key, value);

    public static void DeleteMeta(WriteBatch batch, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => batch.DeleteRange(Meta, from, to);

    public RocksIterator Metas() => Store.Iterate(Meta);

    public void Dispose()
    {
        lock (_writing)
        {
            Store.FlushLog(sync: true);
            _batch.Dispose();
        }
        Store.Dispose();
    }

    private Image Load(string name, int partition)
    {
        lock (_gate)
        {
            if (!_numbers.TryGetValue(name, out var number))
            {
                number = _numbers.Count == 0 ? 1 : _numbers.Values.Max() + 1;
                var bytes = new byte[4];
                BinaryPrimitives.WriteInt32BigEndian(bytes, number);
                Write(batch => batch.Put(Meta, Encoding.UTF8.GetBytes("n" + name), bytes));
                _numbers.Add(name, number);
            }
            return new Image(this, name, partition, number);
        }
    }
}
