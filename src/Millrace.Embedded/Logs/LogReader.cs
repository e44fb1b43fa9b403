using System.Buffers.Binary;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded.Logs;

/// <summary>Reads one partition in order: recent blocks from memory, older ones from the store, both decoded in place.</summary>
internal sealed class LogReader(RocksStore store, TopicPartition source, PartitionLog log, long offset, bool durableOnly)
    : ILogReader,
        IWake
{
    /// <summary>A batch ends at the record that takes it past this many bytes, however many records were asked for.</summary>
    private const int BatchBytes = 8 << 20;

    private readonly List<LogBlock> _held = [];
    private Record[] _records = [];
    private long _next = offset;
    private LogBlock? _block;
    private int _at;
    private long _atOffset;
    private RocksIterator? _stored;
    private TaskCompletionSource? _waiting;
    private bool _subscribed;
    private bool _disposed;

    public long End => durableOnly ? log.DurableEnd : log.End;

    public bool TryRead(int max, out RecordBatch batch)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ReleaseHeld();
        var end = End;
        if (_next >= end)
        {
            batch = new RecordBatch(source, default);
            return false;
        }
        var count = 0;
        long bytes = 0;
        while (count < max && _next < end && bytes < BatchBytes)
        {
            var block = _block ?? NextBlock();
            if (count == _records.Length)
            {
                Array.Resize(ref _records, Math.Min(max, Math.Max(16, Math.Max(count * 2, (int)Math.Min(4096, block.End - _next)))));
            }
            var memory = new ReadOnlyMemory<byte>(block.Bytes);
            var stop = Math.Min(block.End, end);
            while (_atOffset < stop && count < max && bytes < BatchBytes)
            {
                var start = _at;
                var key = ReadLength(block.Bytes);
                var headers = ReadLength(block.Bytes);
                var value = ReadLength(block.Bytes);
                if (_atOffset >= _next)
                {
                    if (count == _records.Length)
                    {
                        Array.Resize(ref _records, Math.Min(max, count * 2));
                    }
                    var time = BinaryPrimitives.ReadInt64LittleEndian(block.Bytes.AsSpan(_at));
                    var at = _at + 8;
                    _records[count++] = new Record(
                        _atOffset,
                        time,
                        memory.Slice(at, key),
                        memory.Slice(at + key, headers),
                        memory.Slice(at + key + headers, value)
                    );
                    _next++;
                    bytes += key + headers + value;
                }
                _at += 8 + key + headers + value;
                _atOffset++;
            }
            if (_atOffset == block.End)
            {
                // Read to its end; held until the batch is given back.
                _held.Add(block);
                _block = null;
            }
        }
        _stored?.Dispose();
        _stored = null;
        batch = new RecordBatch(source, _records.AsMemory(0, count));
        return true;
    }

    private LogBlock NextBlock()
    {
        var block = log.HoldRecent(_next);
        if (block is null)
        {
            block = ReadStored();
        }
        _block = block;
        _at = LogBlock.HeaderLength;
        _atOffset = block.First;
        return block;
    }

    private LogBlock ReadStored()
    {
        Span<byte> key = stackalloc byte[PartitionLog.KeyLength];
        log.WriteKey(key, _next);
        bool found;
        if (_stored is null)
        {
            _stored = store.Iterate(Families.Log);
            found = _stored.SeekForPrevious(key);
        }
        else
        {
            found = _stored.Next();
        }
        if (found && log.Owns(_stored.Key, out var first))
        {
            var stored = _stored.Value;
            if (first <= _next && _next < first + LogBlock.CountOf(stored))
            {
                return LogBlock.Copy(first, stored);
            }
        }
        throw new EngineException(
            $"The store has no record {_next} of {log.Name} though the log goes on to {log.End}: the folder was changed by something "
                + "else, or is damaged. Restore it from a backup, or begin with an empty folder and a new snapshot."
        );
    }

    public ValueTask WaitAsync(CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!_subscribed)
        {
            log.Subscribe(this, durableOnly);
            _subscribed = true;
        }
        // First the promise, then the look: an append in between completes the promise.
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _waiting, waiting);
        Interlocked.MemoryBarrier();
        return _next < End ? ValueTask.CompletedTask : new ValueTask(waiting.Task.WaitAsync(cancellation));
    }

    void IWake.Wake() => Interlocked.Exchange(ref _waiting, null)?.TrySetResult();

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        if (_subscribed)
        {
            log.Unsubscribe(this, durableOnly);
        }
        ReleaseHeld();
        _block?.Release();
        _block = null;
        _stored?.Dispose();
    }

    private void ReleaseHeld()
    {
        foreach (var block in _held)
        {
            block.Release();
        }
        _held.Clear();
    }

    private int ReadLength(byte[] bytes)
    {
        int length = bytes[_at++];
        if (length < 0x80)
        {
            return length;
        }
        length &= 0x7F;
        for (var shift = 7; ; shift += 7)
        {
            int part = bytes[_at++];
            length |= (part & 0x7F) << shift;
            if (part < 0x80)
            {
                return length;
            }
        }
    }
}
