using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace;

/// <summary>Records of a batch, copied, so that whoever stands below can be handed them.</summary>
internal sealed class RecordBuffer
{
    private readonly List<(long Time, int Key, int Headers, int Value)> _records = [];
    private byte[] _bytes = new byte[1 << 16];
    private int _length;
    private Record[] _made = [];
    private long _offset;

    public int Count => _records.Count;

    public void Add(long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        var needed = _length + key.Length + headers.Length + value.Length;
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(needed, _bytes.Length * 2));
        }
        key.CopyTo(_bytes.AsSpan(_length));
        headers.CopyTo(_bytes.AsSpan(_length + key.Length));
        value.CopyTo(_bytes.AsSpan(_length + key.Length + headers.Length));
        _length = needed;
        _records.Add((time, key.Length, headers.Length, value.Length));
    }

    /// <summary>What was added since the last call; valid until the next record is added.</summary>
    public ReadOnlyMemory<Record> Take()
    {
        if (_made.Length < _records.Count)
        {
            _made = new Record[Math.Max(_records.Count, _made.Length * 2)];
        }
        var at = 0;
        for (var i = 0; i < _records.Count; i++)
        {
            var (time, key, headers, value) = _records[i];
            _made[i] = new Record(
                _offset++,
                time,
                _bytes.AsMemory(at, key),
                _bytes.AsMemory(at + key, headers),
                _bytes.AsMemory(at + key + headers, value)
            );
            at += key + headers + value;
        }
        var records = _made.AsMemory(0, _records.Count);
        _records.Clear();
        _length = 0;
        return records;
    }
}

/// <summary>Records on their way to another partition, in a file that goes with it.</summary>
internal sealed class RecordSpool : IDisposable
{
    private const int Head = 20;

    private readonly FileStream _file = new(
        Path.Combine(Path.GetTempPath(), $"millrace-spool-{Guid.NewGuid():N}"),
        FileMode.CreateNew,
        FileAccess.ReadWrite,
        FileShare.None,
        1 << 16,
        FileOptions.DeleteOnClose
    );
    private readonly Lock _gate = new();

    public void Add(long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        Span<byte> head = stackalloc byte[Head];
        BinaryPrimitives.WriteInt64LittleEndian(head, time);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], key.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[12..], headers.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[16..], value.Length);
        lock (_gate)
        {
            _file.Write(head);
            _file.Write(key);
            _file.Write(headers);
            _file.Write(value);
        }
    }

    /// <summary>Goes back to the beginning, to read.</summary>
    public void Rewind()
    {
        _file.Flush();
        _file.Position = 0;
    }

    /// <summary>Moves the next records to a buffer.</summary>
    /// <returns>Whether there were any.</returns>
    public bool Read(RecordBuffer into, int max)
    {
        Span<byte> head = stackalloc byte[Head];
        byte[] body = [];
        while (into.Count < max && _file.ReadAtLeast(head, Head, throwOnEndOfStream: false) == Head)
        {
            var key = BinaryPrimitives.ReadInt32LittleEndian(head[8..]);
            var headers = BinaryPrimitives.ReadInt32LittleEndian(head[12..]);
            var length = key + headers + BinaryPrimitives.ReadInt32LittleEndian(head[16..]);
            if (body.Length < length)
            {
                body = new byte[length * 2];
            }
            _file.ReadExactly(body, 0, length);
            into.Add(
                BinaryPrimitives.ReadInt64LittleEndian(head),
                body.AsSpan(0, key),
                body.AsSpan(key, headers),
                body.AsSpan(key + headers, length - key - headers)
            );
        }
        return into.Count > 0;
    }

    public void Dispose() => _file.Dispose();
}
