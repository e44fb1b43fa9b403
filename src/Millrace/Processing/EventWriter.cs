using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Turns the events of one command into records. They are written to a buffer first and appended together, so that an event that cannot be
/// serialized leaves nothing behind.
/// </summary>
internal sealed class EventWriter<TEvent> : IDisposable
    where TEvent : class
{
    private readonly JsonTypeInfo<TEvent> _json;
    private readonly Dictionary<Type, EventShape> _shapes = [];
    private readonly TopicPartition _target;
    private readonly byte[] _publisher;
    private readonly EntitySeal? _seal;
    private readonly ArrayBufferWriter<byte> _bytes = new(4096);
    private readonly Utf8JsonWriter _writer;
    private readonly List<(int Headers, int Value, int End)> _pending = [];

    public EventWriter(JsonTypeInfo<TEvent> json, TopicPartition target, byte[] publisher, EntitySeal? seal = null)
    {
        _json = json;
        _target = target;
        _publisher = publisher;
        _seal = seal;
        _writer = new Utf8JsonWriter(_bytes, new JsonWriterOptions { SkipValidation = true });
        foreach (var derived in json.PolymorphismOptions?.DerivedTypes ?? [])
        {
            _shapes[derived.DerivedType] = EventShape.Of(json, derived);
        }
    }

    public void Dispose() => _writer.Dispose();

    /// <summary>How many events wait to be appended.</summary>
    public int Count => _pending.Count;

    public void Clear()
    {
        _pending.Clear();
        _bytes.ResetWrittenCount();
    }

    /// <summary>Writes an event to the buffer.</summary>
    /// <param name="e">The event.</param>
    /// <param name="cause">The command it comes from.</param>
    /// <param name="leg">The entity, where one record makes commands of many; else empty.</param>
    /// <param name="sequence">The entity's command ordinal.</param>
    public void Add(TEvent e, in CommandInfo cause, ReadOnlySpan<byte> leg, long sequence)
    {
        var headers = _bytes.WrittenCount;
        Span<byte> id = stackalloc byte[cause.Id.Length + leg.Length + 16];
        cause.Id.CopyTo(id);
        var at = cause.Id.Length;
        id[at++] = (byte)'/';
        if (!leg.IsEmpty)
        {
            leg.CopyTo(id[at..]);
            at += leg.Length;
            id[at++] = (byte)'/';
        }
        Utf8Formatter.TryFormat(_pending.Count, id[at..], out var digits);
        RecordHeaders.Write(_bytes, Header.Id, id[..(at + digits)]);
        if (!_shapes.TryGetValue(e.GetType(), out var shape))
        {
            throw new InvalidOperationException(
                $"The event {e.GetType().Name} has no durable name: add [JsonDerivedType(typeof({e.GetType().Name}), \"…\")] to {typeof(TEvent).Name}."
            );
        }
        RecordHeaders.Write(_bytes, Header.Type, shape.Name);
        RecordHeaders.Write(_bytes, Header.Source, _publisher);
        RecordHeaders.Write(_bytes, Header.CorrelationId, cause.Correlation);
        RecordHeaders.Write(_bytes, Header.CausationId, cause.Id);
        Span<byte> number = stackalloc byte[20];
        Utf8Formatter.TryFormat(sequence, number, out digits);
        RecordHeaders.Write(_bytes, Header.Sequence, number[..digits]);
        if (cause.Snapshot)
        {
            RecordHeaders.Write(_bytes, Header.Snapshot, "1"u8);
        }
        var value = _bytes.WrittenCount;
        _pending.Add((headers, value, Serialize(e, shape)));
    }

    /// <summary>
    /// Writes what serializing the base type would write. Where the derived type is a plain object its own generated writer is several times
    /// as fast, and the discriminator is put in front.
    /// </summary>
    /// <returns>Where the value ends in the buffer.</returns>
    private int Serialize(TEvent e, EventShape shape)
    {
        if (shape.Prefix is not { } prefix)
        {
            _writer.Reset(_bytes);
            JsonSerializer.Serialize(_writer, e, _json);
            _writer.Flush();
            return _bytes.WrittenCount;
        }
        _bytes.Write(prefix);
        var open = _bytes.WrittenCount;
        _writer.Reset(_bytes);
        JsonSerializer.Serialize(_writer, e, shape.Json!);
        _writer.Flush();
        // The object's own brace follows the discriminator: a comma takes its place, or the closing one where the object is empty.
        var written = MemoryMarshal.AsMemory(_bytes.WrittenMemory).Span[open..];
        var isEmpty = written.Length == 2;
        written[0] = isEmpty ? (byte)'}' : (byte)',';
        return isEmpty ? open + 1 : _bytes.WrittenCount;
    }

    /// <summary>Appends what was written and forgets it.</summary>
    public void AppendTo(ITransaction transaction, ReadOnlySpan<byte> entity, long time)
    {
        // A partition that was added has entities of several partitions of the event log.
        var target =
            _target.Partition < _target.Topic.Partitions
                ? _target
                : _target with
                {
                    Partition = Slots.PartitionOf(entity, _target.Topic.Partitions),
                };
        var bytes = _bytes.WrittenSpan;
        foreach (var (headers, value, end) in _pending)
        {
            var json = bytes[value..end];
            var closed = _seal is null ? json : _seal.Close(entity, Seals.IdOf(bytes[headers..value]), json);
            transaction.Append(target, time, entity, bytes[headers..value], closed);
        }
        Clear();
    }
}

/// <summary>How one type of event is written.</summary>
/// <param name="Name">Its durable name.</param>
/// <param name="Prefix">The object's beginning with the discriminator; null where only the base type can write it.</param>
/// <param name="Json">How the rest is written.</param>
internal sealed record EventShape(byte[] Name, byte[]? Prefix, JsonTypeInfo? Json)
{
    public static EventShape Of(JsonTypeInfo json, JsonDerivedType derived)
    {
        var name = derived.TypeDiscriminator?.ToString() ?? derived.DerivedType.Name;
        var bytes = Encoding.UTF8.GetBytes(name);
        var own = json.OriginatingResolver?.GetTypeInfo(derived.DerivedType, json.Options);
        if (
            own is not { Kind: JsonTypeInfoKind.Object, PolymorphismOptions: null }
            || json.Options.WriteIndented
            || derived.TypeDiscriminator is not string
        )
        {
            return new EventShape(bytes, null, null);
        }
        var property = JsonEncodedText.Encode(json.PolymorphismOptions!.TypeDiscriminatorPropertyName, json.Options.Encoder);
        return new EventShape(
            bytes,
            Encoding.UTF8.GetBytes($"{{\"{property}\":\"{JsonEncodedText.Encode(name, json.Options.Encoder)}\""),
            own
        );
    }
}

/// <summary>The command in hand.</summary>
internal readonly ref struct CommandInfo
{
    public ReadOnlySpan<byte> Id { get; init; }
    public ReadOnlySpan<byte> Correlation { get; init; }
    public long Time { get; init; }
    public bool Snapshot { get; init; }

    public static CommandInfo Of(RecordHeaders headers, long time)
    {
        ReadOnlySpan<byte> id = default,
            correlation = default;
        var snapshot = false;
        foreach (var entry in headers)
        {
            switch (entry.Header)
            {
                case Header.Id:
                    id = entry.Value;
                    break;
                case Header.CorrelationId:
                    correlation = entry.Value;
                    break;
                case Header.Snapshot:
                    snapshot = true;
                    break;
                default:
                    break;
            }
        }
        return new CommandInfo
        {
            Id = id,
            Correlation = correlation.IsEmpty ? id : correlation,
            Time = time,
            Snapshot = snapshot,
        };
    }
}
