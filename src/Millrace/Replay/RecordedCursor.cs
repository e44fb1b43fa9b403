using Millrace.Engines;

namespace Millrace;

/// <summary>Goes through one partition of a recorded log, one record at a time. The head is valid until the next step.</summary>
internal sealed class RecordedCursor : IDisposable
{
    private const int Batch = 4096;

    private readonly ILogReader? _reader;
    private readonly long _end;
    private ReadOnlyMemory<Record> _records;
    private int _at = -1;

    public RecordedCursor(IEngine engine, TopicPartition source)
    {
        _reader = engine.Read(source, 0);
        _end = _reader.End;
        Advance();
    }

    private RecordedCursor() { }

    /// <summary>Goes through a log that is not there.</summary>
    public static RecordedCursor Empty => new();

    public bool HasHead { get; private set; }

    public ref readonly Record Head => ref _records.Span[_at];

    public void Advance()
    {
        if (++_at >= _records.Length)
        {
            _at = 0;
            _records = Next();
        }
        HasHead = _at < _records.Length && Head.Offset < _end;
    }

    public void Dispose() => _reader?.Dispose();

    // A reader that has nothing has come to where the log ended, or beyond.
    private ReadOnlyMemory<Record> Next() => _reader!.TryRead(Batch, out var batch) ? batch.Records : default;
}
