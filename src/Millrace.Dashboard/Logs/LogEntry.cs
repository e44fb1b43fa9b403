using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Millrace.Engines;

namespace Millrace;

/// <summary>A record of a log as the pages show it.</summary>
internal sealed record LogEntry(string Topic, int Partition, long Offset, long Micros, string Key)
{
    /// <summary>The record's time, RFC 3339 with microseconds.</summary>
    public string Time => TimeText(Micros);
    public string? Type { get; init; }
    public string? Id { get; init; }
    public string? Correlation { get; init; }
    public string? Causation { get; init; }
    public long? Sequence { get; init; }
    public bool Snapshot { get; init; }

    /// <summary>Which aggregate's or reaction's log it is.</summary>
    public string? Of { get; init; }
    public JsonElement? Value { get; init; }

    /// <summary>Whether it is of an entity that was erased, so that nobody can read its value any more.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Erased { get; init; }

    [JsonIgnore]
    public RecordKind Kind { get; init; }

    public static LogEntry From(TopicPartition source, in Record record, string? of, Seals? seals)
    {
        var value = record.Value;
        var erased = seals is not null && !seals.TryRead(of, record, out value);
        var headers = new RecordHeaders(record.Headers.Span);
        return new LogEntry(source.Topic.Name, source.Partition, record.Offset, record.Time, Encoding.UTF8.GetString(record.Key.Span))
        {
            Of = of,
            Kind = headers.Kind,
            Type = Text(headers[Header.Type]),
            Id = Text(headers[Header.Id]),
            Correlation = Text(headers[Header.CorrelationId]),
            Causation = Text(headers[Header.CausationId]),
            Sequence = long.TryParse(headers[Header.Sequence], CultureInfo.InvariantCulture, out var sequence) ? sequence : null,
            Snapshot = headers.TryGet(Header.Snapshot, out _),
            Value = value.IsEmpty ? null : Parse(value.Span),
            Erased = erased,
        };
    }

    public static string TimeText(long micros) =>
        DateTimeOffset
            .UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond)
            .ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static string? Text(ReadOnlySpan<byte> value) => value.IsEmpty ? null : Encoding.UTF8.GetString(value);

    private static JsonElement Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        return JsonElement.ParseValue(ref reader);
    }
}
