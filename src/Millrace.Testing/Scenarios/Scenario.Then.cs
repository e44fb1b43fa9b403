using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace.Testing;

/// <content>What must have followed.</content>
public sealed partial class Scenario
{
    private readonly Dictionary<TopicPartition, long> _marks = [];
    private string? _asked;
    private string? _rejected;

    /// <summary>Exactly these events were published of an entity since the last <c>When</c>, <c>After</c>, <c>At</c>, <c>Snapshot</c> or <c>Given</c>, in this order.</summary>
    /// <typeparam name="TEvent">The aggregate's event type.</typeparam>
    /// <param name="aggregate">The aggregate.</param>
    /// <param name="id">The entity.</param>
    /// <param name="events">The events; none where nothing must have been published.</param>
    public Scenario Then<TEvent>(Aggregate<TEvent> aggregate, EntityId id, params TEvent[] events)
        where TEvent : class
    {
        ArgumentNullException.ThrowIfNull(aggregate);
        _failures.Require();
        var json = _runtime.Application.Topology.JsonType<TEvent>();
        var expected = events.Select(e => Show(JsonSerializer.SerializeToElement(e, json))).ToList();
        var key = Encoding.UTF8.GetBytes(id.Value);
        var published = Since(_runtime.Application.Events(aggregate)).Where(record => record.Key.SequenceEqual(key)).Select(Show).ToList();
        if (Difference.Between(expected, published, "expected, not published", "published, not expected") is { } difference)
        {
            throw new ScenarioException(
                $"{aggregate.Name} {id} published other events:{difference}{WhyHeld(aggregate, id)}{Elsewhere(aggregate, key)}"
            );
        }
        return this;
    }

    /// <summary>Exactly these intents became due since the last <c>When</c>, <c>After</c>, <c>At</c>, <c>Snapshot</c> or <c>Given</c>, in the order of their times.</summary>
    /// <param name="intents">The intents.</param>
    public Scenario Then(params IIntent[] intents)
    {
        ArgumentNullException.ThrowIfNull(intents);
        _failures.Require();
        var expected = intents.Select(Show).ToList();
        var wanted = Intents().Select(Show).ToList();
        if (Difference.Between(expected, wanted, "expected, did not become due", "became due, not expected") is { } difference)
        {
            throw new ScenarioException($"Other intents became due by {_clock.Now:O}:{difference}");
        }
        return this;
    }

    /// <summary>No intent became due since the last <c>When</c>, <c>After</c>, <c>At</c>, <c>Snapshot</c> or <c>Given</c>.</summary>
    public Scenario ThenNoIntent() => Then([]);

    /// <summary>A view has this document.</summary>
    /// <typeparam name="TDocument">The document.</typeparam>
    /// <param name="view">The view.</param>
    /// <param name="key">The key: the entity, or the key of the view's own.</param>
    /// <param name="document">The document; null where there must be none.</param>
    public Scenario ThenView<TDocument>(View<TDocument> view, EntityId key, TDocument? document)
        where TDocument : class
    {
        ArgumentNullException.ThrowIfNull(view);
        _failures.Require();
        var reader = (IView<TDocument>)Downstream.Reader(view, _runtime.Application, _runtime.DownstreamServices);
        var json = _runtime.Application.Topology.JsonType<TDocument>();
        Shown[] Of(TDocument? shown) =>
            shown is null ? [] : [new Shown(typeof(TDocument).Name, JsonSerializer.SerializeToElement(shown, json))];
        return
            Difference.Between(Of(document), Of(reader.Get(key)), "expected, not in the view", "in the view, not expected")
                is { } difference
            ? throw new ScenarioException($"{view.Name} {key} is another:{difference}")
            : this;
    }

    /// <summary>The last native command was rejected, for this reason.</summary>
    /// <param name="reason">The reason.</param>
    public Scenario ThenRejected(string reason)
    {
        _failures.Require();
        if (_asked is null)
        {
            throw new ScenarioException("No native command was sent since the last step.");
        }
        return _rejected == reason
            ? this
            : throw new ScenarioException(
                _rejected is null
                    ? $"{_asked} was accepted."
                    : $"{_asked} was rejected for another reason: \"{_rejected}\", not \"{reason}\"."
            );
    }

    /// <summary>The last native command was accepted.</summary>
    public Scenario ThenAccepted()
    {
        _failures.Require();
        return _rejected is null ? this : throw new ScenarioException($"{_asked} was rejected: \"{_rejected}\".");
    }

    /// <summary>An entity is parked, because deciding its last command threw; its later commands wait.</summary>
    /// <param name="aggregate">The aggregate.</param>
    /// <param name="id">The entity.</param>
    public Scenario ThenParked(AggregateDefinition aggregate, EntityId id)
    {
        ArgumentNullException.ThrowIfNull(aggregate);
        _failures.Take();
        return _runtime.Held().Any(held => held.Parked && held.Aggregate == aggregate.Name && held.Entity == id.Value)
            ? this
            : throw new ScenarioException($"{aggregate.Name} {id} is not parked.");
    }

    private void Mark()
    {
        _asked = _rejected = null;
        foreach (var topic in Watched())
        {
            for (var partition = 0; partition < topic.Partitions; partition++)
            {
                var source = new TopicPartition(topic, partition);
                using var reader = _engine.Read(source, 0);
                _marks[source] = reader.End;
            }
        }
    }

    private IEnumerable<Topic> Watched() =>
        [
            .. _runtime.Application.Topology.Aggregates.Select(_runtime.Application.Events),
            .. _runtime.Application.Topology.Reactions.Select(_runtime.Application.Intents),
        ];

    /// <summary>The messages appended since the mark without those of erased entities, those of one partition in order.</summary>
    internal List<LogEntry> Since(Topic topic, bool fromStart = false)
    {
        var entries = new List<LogEntry>();
        var application = _runtime.Application;
        var of =
            application.Topology.Aggregates.FirstOrDefault(aggregate => application.Events(aggregate) == topic)?.Name
            ?? application.Topology.Reactions.FirstOrDefault(reaction => application.Intents(reaction) == topic)?.Name;
        for (var partition = 0; partition < topic.Partitions; partition++)
        {
            var source = new TopicPartition(topic, partition);
            using var reader = _engine.Read(source, fromStart ? 0 : _marks[source]);
            while (reader.TryRead(1024, out var batch))
            {
                foreach (ref readonly var record in batch.Records.Span)
                {
                    var value = record.Value;
                    if (
                        new RecordHeaders(record.Headers.Span).Kind == RecordKind.Message
                        && (_runtime.Seals is null || _runtime.Seals.TryRead(of, record, out value))
                    )
                    {
                        entries.Add(new LogEntry(record.Time, record.Key.ToArray(), record.Headers.ToArray(), value.ToArray()));
                    }
                }
            }
        }
        return entries;
    }

    private IEnumerable<LogEntry> Intents() =>
        _runtime
            .Application.Topology.Reactions.SelectMany(reaction => Since(_runtime.Application.Intents(reaction)))
            .Where(intent => intent.Type != IntentCatalog.SendName)
            .OrderBy(intent => intent.Time);

    private Shown Show(LogEntry entry)
    {
        var value = JsonElement.Parse(entry.Value);
        return new Shown(entry.Type, WithoutDiscriminator(value, entry.Type));
    }

    private static Shown Show(JsonElement message)
    {
        // The discriminator is the first member the serializer writes.
        foreach (var first in message.EnumerateObject())
        {
            var name = first.Value.ToString();
            return new Shown(name, WithoutDiscriminator(message, name));
        }
        return new Shown("?", message);
    }

    private Shown Show(IIntent intent)
    {
        var topology = _runtime.Application.Topology;
        var type =
            topology.Intents.FirstOrDefault(kind => kind.Type == intent.GetType())
            ?? throw new ScenarioException(
                $"The topology does not name the intent {intent.GetType().Name}: add .Intent<{intent.GetType().Name}>(\"…\")."
            );
        return new Shown(type.Name, JsonSerializer.SerializeToElement(intent, topology.JsonType(type.Type)!));
    }

    private static JsonElement WithoutDiscriminator(JsonElement message, string name)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            return message;
        }
        using var stream = new MemoryStream();
        using (
            var writer = new Utf8JsonWriter(
                stream,
                new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
            )
        )
        {
            writer.WriteStartObject();
            var first = true;
            foreach (var member in message.EnumerateObject())
            {
                if (!first || !member.Name.StartsWith('$') || member.Value.ToString() != name)
                {
                    member.WriteTo(writer);
                }
                first = false;
            }
            writer.WriteEndObject();
        }
        return JsonElement.Parse(stream.ToArray());
    }

    private string WhyHeld(AggregateDefinition aggregate, EntityId id)
    {
        var held = _runtime.Held().FirstOrDefault(entity => entity.Aggregate == aggregate.Name && entity.Entity == id.Value);
        return held is null ? "" : $"{Environment.NewLine}  {aggregate.Name} {id} is held. {held.Reason}";
    }

    /// <summary>A wrong id is a likely mistake, so it is said who else published.</summary>
    private string Elsewhere(AggregateDefinition aggregate, byte[] key)
    {
        var others = Since(_runtime.Application.Events(aggregate))
            .Where(record => !record.Key.SequenceEqual(key))
            .GroupBy(record => Encoding.UTF8.GetString(record.Key))
            .Select(entity => $"{entity.Key} ({string.Join(", ", entity.Select(e => e.Type))})")
            .ToList();
        return others.Count == 0 ? "" : $"{Environment.NewLine}  Others published: {aggregate.Name} {string.Join("; ", others)}.";
    }
}

/// <summary>A record of a log, copied.</summary>
internal sealed record LogEntry(long Time, byte[] Key, byte[] Headers, byte[] Value)
{
    public string Type => this[Header.Type];

    public string this[Header header] => Encoding.UTF8.GetString(new RecordHeaders(Headers)[header]);
}
