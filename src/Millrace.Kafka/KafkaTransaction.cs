using Millrace.Engines;
using Millrace.Kafka.State;
using Millrace.Rocks;

namespace Millrace.Kafka;

/// <summary>
/// What one commit will write, kept in memory until then: nothing of it reaches the broker before its processor is done, and nothing reaches the
/// local state before the broker has committed.
/// </summary>
/// <param name="image">Finds the committed state below; called at the first read or write of it.</param>
internal sealed class KafkaTransaction(Func<Image> image) : ITransaction
{
    /// <summary>Where an output stands in <see cref="Bytes"/>: key, headers and value follow each other.</summary>
    public readonly record struct Output(Topic Topic, int Partition, long Time, int At, int Key, int Headers, int Value);

    private readonly List<OverlayCursor> _overlays = [];
    private readonly List<StoredCursor> _cursors = [];
    private readonly Dictionary<(string Topic, int Partition), bool> _targets = [];
    private byte[] _value = new byte[512];
    private byte[] _bytes = new byte[4096];
    private int _used;
    private Image? _image;

    public StateOverlay State { get; } = new();

    public List<Output> Outputs { get; } = [];

    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Which takeover of an appender's state it has read or written. Between two of them others may have written it.</summary>
    public int Term { get; set; }

    /// <summary>Whether it read or wrote state.</summary>
    public bool TouchedState => _image is not null;

    public bool HasWrites => Outputs.Count > 0 || State.Count > 0;

    /// <summary>The topics written to, to be looked up before anything is produced.</summary>
    public IEnumerable<(string Topic, int Partition)> Targets => _targets.Keys;

    private Image Below => _image ??= image();

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        if (State.TryGet(key, out var deleted, out value))
        {
            return !deleted;
        }
        var length = Below.Get(key, ref _value);
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
            _cursors.Add(Below.Cursor());
        }
        _cursors[free].Begin(from, to, descending);
        _overlays[free].Begin(State, _cursors[free], from, to, descending);
        return _overlays[free];
    }

    public void Append(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        _targets.TryAdd((target.Topic.Name, target.Partition), true);
        var length = key.Length + headers.Length + value.Length;
        var at = Take(length);
        key.CopyTo(_bytes.AsSpan(at));
        headers.CopyTo(_bytes.AsSpan(at + key.Length));
        value.CopyTo(_bytes.AsSpan(at + key.Length + headers.Length));
        Outputs.Add(new Output(target.Topic, target.Partition, time, at, key.Length, headers.Length, value.Length));
    }

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        _ = Below;
        State.Put(key, value);
    }

    public void Delete(ReadOnlySpan<byte> key)
    {
        _ = Below;
        State.Delete(key);
    }

    /// <summary>Forgets everything written.</summary>
    public void Clear()
    {
        State.Clear();
        Outputs.Clear();
        _targets.Clear();
        _used = 0;
        if (_bytes.Length > 64 << 20)
        {
            _bytes = new byte[4096];
        }
    }

    private int Take(int length)
    {
        var at = _used;
        var needed = (long)at + length;
        if (needed > _bytes.Length)
        {
            if (needed > Array.MaxLength)
            {
                throw new EngineException("A transaction wrote more than 2 GB; commit in smaller steps.");
            }
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(needed, 2L * _bytes.Length)));
        }
        _used = (int)needed;
        return at;
    }
}
