using Millrace.Engines;
using Millrace.Kafka.Clients;

namespace Millrace.Kafka.Processing;

/// <summary>Records of one partition that were fetched and are not committed yet, in memory that is used again when all are.</summary>
internal sealed class InputQueue(TopicPartition source)
{
    private const int ChunkBytes = 256 << 10;

    private readonly List<byte[]> _chunks = [];
    private Record[] _records = new Record[1024];
    private int _chunk;
    private int _used;
    private int _first;
    private int _count;

    public TopicPartition Source => source;

    /// <summary>How many records wait.</summary>
    public int Count => _count - _first;

    /// <summary>Bytes that wait, about.</summary>
    public long Bytes { get; private set; }

    /// <summary>The next offset to be fetched: behind the last record, or where the partition was seen to end.</summary>
    public long Fetched { get; set; }

    /// <summary>The next offset to be processed.</summary>
    public long Next => Count > 0 ? _records[_first].Offset : Fetched;

    /// <summary>The position that the last commit had.</summary>
    public long Kept { get; set; }

    /// <summary>Whether fetching is held up because too much waits.</summary>
    public bool IsPaused { get; set; }

    public void Add(in RawRecord record)
    {
        var memory = Copy(record.Key, record.Headers, record.Value);
        if (_count == _records.Length)
        {
            Array.Resize(ref _records, _count * 2);
        }
        var key = record.Key.Length;
        var headers = record.Headers.Length;
        _records[_count++] = new Record(record.Offset, record.Time, memory[..key], memory.Slice(key, headers), memory[(key + headers)..]);
        Bytes += memory.Length;
        Fetched = record.Offset + 1;
    }

    /// <summary>The first of what waits.</summary>
    public ReadOnlyMemory<Record> Peek(int most) => _records.AsMemory(_first, Math.Min(most, Count));

    /// <summary>The first so many are committed.</summary>
    public void Remove(int count)
    {
        for (var i = 0; i < count; i++)
        {
            ref var record = ref _records[_first + i];
            Bytes -= record.Key.Length + record.Headers.Length + record.Value.Length;
        }
        _first += count;
        if (_first == _count)
        {
            Clear();
        }
        else if (_first > 64 << 10)
        {
            // A partition that is never quite empty must not grow for ever; the memory behind goes to the collector.
            Array.Copy(_records, _first, _records, 0, Count);
            _count -= _first;
            _first = 0;
            _chunks.RemoveRange(0, Math.Max(0, _chunk - 1 - (int)(Bytes / ChunkBytes)));
            _chunk = _chunks.Count - 1;
        }
    }

    /// <summary>Begins anew at an offset.</summary>
    public void Reset(long next)
    {
        Clear();
        Fetched = next;
    }

    private void Clear()
    {
        _first = _count = 0;
        _chunk = _used = 0;
        Bytes = 0;
        _chunks.RemoveAll(static chunk => chunk.Length > ChunkBytes);
        if (_chunks.Count > 64)
        {
            _chunks.RemoveRange(64, _chunks.Count - 64);
        }
    }

    private ReadOnlyMemory<byte> Copy(ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        var length = key.Length + headers.Length + value.Length;
        if (_chunks.Count == 0 || _used + length > _chunks[_chunk].Length)
        {
            NextChunk(length);
        }
        var memory = _chunks[_chunk].AsMemory(_used, length);
        _used += length;
        key.CopyTo(memory.Span);
        headers.CopyTo(memory.Span[key.Length..]);
        value.CopyTo(memory.Span[(key.Length + headers.Length)..]);
        return memory;
    }

    private void NextChunk(int length)
    {
        var next = _chunks.Count == 0 || _used == 0 ? _chunk : _chunk + 1;
        if (next >= _chunks.Count || _chunks[next].Length < length)
        {
            _chunks.Insert(Math.Min(next, _chunks.Count), GC.AllocateUninitializedArray<byte>(Math.Max(ChunkBytes, length)));
        }
        _chunk = next;
        _used = 0;
    }
}
