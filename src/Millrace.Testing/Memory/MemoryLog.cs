using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>One partition of a log. Records are ordinary objects: this engine is for tests.</summary>
internal sealed class MemoryLog
{
    private readonly List<MemoryRecord> _records = [];
    private TaskCompletionSource? _appended;

    /// <summary>Called after an append, outside the lock.</summary>
    public event Action? Appended;

    public long End
    {
        get
        {
            lock (_records)
            {
                return _records.Count;
            }
        }
    }

    public void Append(MemoryRecord record)
    {
        lock (_records)
        {
            _records.Add(record);
        }
    }

    public void Announce()
    {
        TaskCompletionSource? appended;
        lock (_records)
        {
            appended = _appended;
            _appended = null;
        }
        appended?.TrySetResult();
        Appended?.Invoke();
    }

    public Record[] Read(long offset, int max, long end)
    {
        lock (_records)
        {
            var count = (int)Math.Clamp(Math.Min(end, _records.Count) - offset, 0, max);
            var batch = new Record[count];
            for (var i = 0; i < count; i++)
            {
                var record = _records[(int)offset + i];
                batch[i] = new Record(offset + i, record.Time, record.Key, record.Headers, record.Value);
            }
            return batch;
        }
    }

    public Task WaitAsync(long offset)
    {
        lock (_records)
        {
            if (_records.Count > offset)
            {
                return Task.CompletedTask;
            }
            _appended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _appended.Task;
        }
    }
}

internal sealed record MemoryRecord(long Time, byte[] Key, byte[] Headers, byte[] Value);
