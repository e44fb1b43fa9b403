using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Millrace.Engines;

namespace Millrace.Tests.Deciding;

[JsonDerivedType(typeof(Nothing), "nothing-happened")]
[JsonDerivedType(typeof(Little), "a \"little\" <happened>")]
[JsonDerivedType(typeof(Much), "much-happened")]
public abstract record Happening
{
    public sealed record Nothing : Happening;

    public sealed record Little(string? What) : Happening;

    public sealed record Much(decimal Amount, DateTimeOffset At, IReadOnlyList<Little> Parts) : Happening;
}

[JsonSerializable(typeof(Happening))]
public sealed partial class HappeningJson : JsonSerializerContext;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(Happening))]
public sealed partial class CamelHappeningJson : JsonSerializerContext;

public sealed class EventWriterTests
{
    private static readonly Happening[] Happenings =
    [
        new Happening.Nothing(),
        new Happening.Little("caf\u00e9 \"x\""),
        new Happening.Little(null),
        new Happening.Much(
            1.50m,
            new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
            [new Happening.Little("a"), new Happening.Little("b")]
        ),
        new Happening.Nothing(),
    ];

    [Theory, InlineData(false), InlineData(true)]
    public void An_event_has_the_bytes_that_the_serializer_gives_its_base_type(bool camel)
    {
        var json = camel ? CamelHappeningJson.Default.Happening : HappeningJson.Default.Happening;
        using var writer = new EventWriter<Happening>(json, new TopicPartition(new Topic("t", 1), 0), "/a/b"u8.ToArray());
        var log = new Collected();
        foreach (var happening in Happenings)
        {
            writer.Add(happening, new CommandInfo { Id = "c"u8, Correlation = "x"u8 }, default, 1);
        }
        writer.AppendTo(log, "7"u8, 5);
        Assert.Equal(Happenings.Select(happening => JsonSerializer.Serialize(happening, json)), log.Values);
    }

    private sealed class Collected : ITransaction
    {
        public List<string> Values { get; } = [];

        public void Append(
            TopicPartition target,
            long time,
            ReadOnlySpan<byte> key,
            ReadOnlySpan<byte> headers,
            ReadOnlySpan<byte> value
        ) => Values.Add(Encoding.UTF8.GetString(value));

        public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => throw new NotSupportedException();

        public void Delete(ReadOnlySpan<byte> key) => throw new NotSupportedException();

        public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value) => throw new NotSupportedException();

        public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false) =>
            throw new NotSupportedException();
    }
}
