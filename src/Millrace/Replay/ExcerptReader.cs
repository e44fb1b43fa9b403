using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>An excerpt in memory, read as if it were an engine's data.</summary>
internal sealed class ExcerptReader : IEngine
{
    private readonly Dictionary<(string Log, int Partition), List<Record>> _logs = [];
    private readonly string _path;

    private ExcerptReader(string path) => _path = path;

    /// <summary>Its first line.</summary>
    public required ExcerptHead Head { get; init; }

    /// <exception cref="ReplayException">It is no excerpt.</exception>
    public static ExcerptReader Load(string path)
    {
        var number = 1;
        try
        {
            using var lines = new StreamReader(path);
            var head = JsonSerializer.Deserialize(lines.ReadLine() ?? "", ExcerptJson.Default.ExcerptHead);
            if (head is not { Format: ExcerptHead.FormatNow })
            {
                throw new JsonException($"its format is {head?.Format}, and this version reads {ExcerptHead.FormatNow}");
            }
            var reader = new ExcerptReader(path) { Head = head };
            for (number = 2; lines.ReadLine() is { } line; number++)
            {
                reader.Add(JsonSerializer.Deserialize(line, ExcerptJson.Default.ExcerptLine) ?? throw new JsonException("it is empty"));
            }
            return reader;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or FormatException)
        {
            throw new ReplayException($"The excerpt {path} cannot be read at line {number}: {e.Message}", e);
        }
    }

    public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false) =>
        new Reader(source, [.. Log(source).SkipWhile(record => record.Offset < offset)]);

    public IStateReader OpenState(string name, int partition)
    {
        var state = new ScratchState();
        if (name == $"{Head.Application}.topology")
        {
            Head.Fingerprint.Save(state);
        }
        return state;
    }

    public long CommittedOffset(string group, TopicPartition source) => Log(source) is [.., var last] ? last.Offset + 1 : 0;

    public ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) => throw OnlyRead();

    public ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) => throw OnlyRead();

    public IAppender OpenAppender(string name) => throw OnlyRead();

    public Task RunAsync(ProcessorGroup group, CancellationToken cancellation) => throw OnlyRead();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private EngineException OnlyRead() => new($"The excerpt {_path} can be read only.");

    private List<Record> Log(TopicPartition source) => _logs.GetValueOrDefault((source.Topic.Name, source.Partition)) ?? [];

    private void Add(ExcerptLine line)
    {
        var headers = new KeyBuffer();
        ExcerptHeaders.Write(headers, line.Headers);
        var place = (line.Log, line.Partition);
        if (!_logs.TryGetValue(place, out var log))
        {
            _logs.Add(place, log = []);
        }
        log.Add(
            new Record(
                line.Offset,
                line.Time,
                Encoding.UTF8.GetBytes(line.Key ?? ""),
                headers.Span.ToArray(),
                line.Value is { } value ? Encoding.UTF8.GetBytes(value.GetRawText()) : default
            )
        );
    }

    private sealed class Reader(TopicPartition source, Record[] records) : ILogReader
    {
        private int _next;

        public long End => records is [.., var last] ? last.Offset + 1 : 0;

        public bool TryRead(int max, out RecordBatch batch)
        {
            var count = Math.Min(max, records.Length - _next);
            batch = new RecordBatch(source, records.AsMemory(_next, count));
            _next += count;
            return count > 0;
        }

        public ValueTask WaitAsync(CancellationToken cancellation) => ValueTask.CompletedTask;

        public void Dispose() { }
    }
}
