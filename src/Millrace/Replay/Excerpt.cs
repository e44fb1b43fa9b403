using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Millrace.Engines;

namespace Millrace;

/// <summary>The first line of an excerpt.</summary>
/// <param name="Format">1.</param>
/// <param name="Application">Whose it is.</param>
/// <param name="Fingerprint">The topology it was recorded under.</param>
/// <param name="Since">What is compared begins here, in microseconds; null for all.</param>
/// <param name="Until">It ends before this, in microseconds; null for all.</param>
/// <param name="Masked">The members that were masked.</param>
internal sealed record ExcerptHead(
    int Format,
    string Application,
    Fingerprint Fingerprint,
    long? Since,
    long? Until,
    IReadOnlyList<string> Masked
)
{
    public const int FormatNow = 1;
}

/// <summary>One record of an excerpt: a line.</summary>
/// <param name="Log">The log's name.</param>
/// <param name="Partition">Its partition.</param>
/// <param name="Offset">Its offset.</param>
/// <param name="Time">Its time, in microseconds.</param>
/// <param name="Key">Its key.</param>
/// <param name="Headers">Its headers by their names, in order; those that are bytes in hexadecimal digits.</param>
/// <param name="Value">Its value; null where it has none.</param>
internal sealed record ExcerptLine(
    string Log,
    int Partition,
    long Offset,
    long Time,
    string? Key,
    IReadOnlyDictionary<string, string> Headers,
    JsonElement? Value
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(ExcerptHead))]
[JsonSerializable(typeof(ExcerptLine))]
internal sealed partial class ExcerptJson : JsonSerializerContext;

/// <summary>The headers of an excerpt's records by name.</summary>
internal static class ExcerptHeaders
{
    private static readonly (Header Header, string Name, bool IsBytes)[] All =
    [
        (Header.Id, "ce_id", false),
        (Header.Type, "ce_type", false),
        (Header.Source, "ce_source", false),
        (Header.Subject, "ce_subject", false),
        (Header.Time, "ce_time", false),
        (Header.PartitionKey, "partitionkey", false),
        (Header.CorrelationId, "correlationid", false),
        (Header.CausationId, "causationid", false),
        (Header.Sequence, "sequence", false),
        (Header.Position, "millrace_position", true),
        (Header.Kind, "millrace_kind", true),
        (Header.Snapshot, "millrace_snapshot", false),
        (Header.IdempotencyKey, "millrace_key", false),
        (Header.ExpectedSequence, "millrace_expected", false),
        (Header.Feed, "millrace_feed", true),
        (Header.TraceParent, "traceparent", false),
    ];

    public static IEnumerable<KeyValuePair<string, string>> Read(ReadOnlySpan<byte> packed)
    {
        var read = new List<KeyValuePair<string, string>>();
        foreach (var entry in new RecordHeaders(packed))
        {
            var header = entry.Header;
            var (_, name, isBytes) = Array.Find(All, known => known.Header == header);
            read.Add(new(name, isBytes ? Convert.ToHexStringLower(entry.Value) : Encoding.UTF8.GetString(entry.Value)));
        }
        return read;
    }

    public static void Write(KeyBuffer target, IReadOnlyDictionary<string, string> headers)
    {
        foreach (var (name, value) in headers)
        {
            var known = Array.Find(All, known => known.Name == name);
            if (known.Name is null)
            {
                throw new JsonException($"there is no header \"{name}\"");
            }
            RecordHeaders.Write(target, known.Header, known.IsBytes ? Convert.FromHexString(value) : Encoding.UTF8.GetBytes(value));
        }
    }
}
