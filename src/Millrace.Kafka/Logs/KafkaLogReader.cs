using Millrace.Engines;
using Millrace.Kafka.Clients;
using Millrace.Kafka.Processing;

namespace Millrace.Kafka.Logs;

/// <summary>Reads one partition of a log. It fetches from the first read on; who only asks for the end costs no fetch.</summary>
internal sealed class KafkaLogReader(LogHub hub, Watermarks watermarks, TopicPartition source, long offset) : ILogReader
{
    private const int MostWaiting = 8192;
    private const long MostWaitingBytes = 16 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _changed = new();
    private InputQueue _waiting = new(source) { Fetched = offset };
    private InputQueue _handed = new(source);
    private TaskCompletionSource? _woken;
    private Lane? _lane;
    private string? _failure;
    private bool _sawEnd;
    private bool _closed;

    public TopicPartition Source => source;

    /// <summary>The next offset to fetch.</summary>
    public long Fetched
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Fetched;
            }
        }
    }

    public long End => watermarks.End(source);

    public bool TryRead(int max, out RecordBatch batch)
    {
        Join();
        var since = Environment.TickCount64;
        while (true)
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_closed, this);
                _handed.Remove(_handed.Count);
                if (_waiting.Count > 0)
                {
                    batch = Hand(max);
                    return true;
                }
                if (_sawEnd)
                {
                    batch = default;
                    return false;
                }
                if (_failure is { } failure)
                {
                    throw new EngineException($"{source} cannot be read: {failure}");
                }
                _changed.Reset();
            }
            // Nobody knows yet whether there is anything: the first fetch is under way.
            if (!_changed.Wait(100) && Environment.TickCount64 - since > Patience.TotalMilliseconds)
            {
                throw new EngineException($"{source} cannot be read: the broker has not answered for {Patience.TotalSeconds} s.");
            }
        }
    }

    public async ValueTask WaitAsync(CancellationToken cancellation)
    {
        Join();
        TaskCompletionSource woken;
        lock (_gate)
        {
            if (_waiting.Count > 0 || _closed)
            {
                return;
            }
            woken = _woken ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        await woken.Task.WaitAsync(cancellation).ConfigureAwait(false);
    }

    public void Dispose()
    {
        if (!_closed)
        {
            Close();
            _lane?.Leave(this);
            _changed.Dispose();
        }
    }

    public void Add(in RawRecord record)
    {
        lock (_gate)
        {
            if (_closed || record.Offset < _waiting.Fetched)
            {
                return;
            }
            _waiting.Add(record);
            if (!_waiting.IsPaused && (_waiting.Count > MostWaiting || _waiting.Bytes > MostWaitingBytes))
            {
                _waiting.IsPaused = true;
                _lane?.Pause(this);
            }
            Wake();
        }
    }

    public void SeeEnd(long end)
    {
        lock (_gate)
        {
            _waiting.Fetched = Math.Max(_waiting.Fetched, end);
            if (!_closed)
            {
                _sawEnd = true;
                _changed.Set();
            }
        }
    }

    public void Fail(string reason)
    {
        lock (_gate)
        {
            _failure = reason;
            Wake();
        }
    }

    /// <summary>The engine is closed.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Wake();
        }
    }

    private void Wake()
    {
        _changed.Set();
        _woken?.TrySetResult();
        _woken = null;
    }

    private void Join()
    {
        if (_lane is null)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _lane = hub.Join(this);
        }
    }

    private RecordBatch Hand(int max)
    {
        if (_waiting.Count <= max && _waiting.IsPaused is false)
        {
            // All of it changes hands, so that its memory stays while new records come in.
            (_handed, _waiting) = (_waiting, _handed);
            _waiting.Reset(_handed.Fetched);
            return new RecordBatch(source, _handed.Peek(max));
        }
        var records = _waiting.Peek(max);
        _handed.Reset(0);
        foreach (ref readonly var record in records.Span)
        {
            _handed.Add(
                new RawRecord
                {
                    Offset = record.Offset,
                    Time = record.Time,
                    Key = record.Key.Span,
                    Headers = record.Headers.Span,
                    Value = record.Value.Span,
                    IsDeletion = false,
                }
            );
        }
        _waiting.Remove(records.Length);
        if (_waiting.IsPaused && _waiting.Count < MostWaiting / 2 && _waiting.Bytes < MostWaitingBytes / 2)
        {
            _waiting.IsPaused = false;
            _lane?.Resume(this);
        }
        return new RecordBatch(source, _handed.Peek(max));
    }
}
