using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// What a kind of reaction does with an event, in two steps: <see cref="Plan"/> runs all user code and writes nothing, so that what throws
/// leaves nothing behind; <see cref="Apply"/> writes what was planned.
/// </summary>
internal abstract class ReactionLogic(ReactionEffects effects)
{
    /// <summary>What it writes through.</summary>
    protected ReactionEffects Effects => effects;

    /// <summary>What decrypts events, where they are personal.</summary>
    protected EntitySeal? Seal => effects.Seal;

    /// <summary>Forgets everything of a key that is an erased entity.</summary>
    public static void Forget(ITransaction transaction, ReadOnlySpan<byte> key)
    {
        transaction.Delete(new KeyBuffer().Start(ReactionKeys.State).Raw(key));
        var counted = new List<byte[]>();
        using (
            var cursor = transaction.Range(
                new KeyBuffer().Start(ReactionKeys.Counted).Text(key),
                new KeyBuffer().Start(ReactionKeys.Counted).Text(key).Raw([0xFF])
            )
        )
        {
            while (cursor.MoveNext())
            {
                counted.Add(cursor.Key.ToArray());
            }
        }
        counted.ForEach(one => transaction.Delete(one));
    }

    /// <summary>Whether the settings that the feed's events are handled with are known.</summary>
    public abstract bool IsReady(int feed);

    /// <summary>Takes the settings of a feed from here on.</summary>
    /// <returns>Whether they are this reaction's.</returns>
    public abstract bool SetSettings(int feed, ReadOnlySpan<byte> record);

    /// <summary>Runs user code on an event, or on the end of the snapshots for one key.</summary>
    public abstract void Plan(ITransaction transaction, in Incoming item);

    /// <summary>Writes what was planned.</summary>
    public abstract void Apply(ITransaction transaction, in Incoming item);

    /// <summary>The keys that have something to look at when all snapshots have ended.</summary>
    public virtual List<byte[]> KeysToReview(ITransaction transaction) => [];
}

/// <summary>The settings of each feed: the value that its log had at each event.</summary>
internal sealed class FeedSettings<TSettings>
    where TSettings : class
{
    private readonly TSettings?[] _values;
    private readonly Topology _topology;

    public FeedSettings(Topology topology, int feeds)
    {
        _topology = topology;
        _values = new TSettings?[feeds];
        if (typeof(TSettings) == typeof(NoSettings))
        {
            Array.Fill(_values, (TSettings)(object)new NoSettings());
        }
    }

    public TSettings this[int feed] => _values[feed]!;

    public bool IsKnown(int feed) => _values[feed] is not null;

    public bool Set(int feed, ReadOnlySpan<byte> json)
    {
        var record = JsonSerializer.Deserialize(json, MillraceJson.Default.SettingsRecord)!;
        if (record.Type != SettingsRecord.NameOf(typeof(TSettings)))
        {
            return false;
        }
        _values[feed] = record.Value.Deserialize(_topology.JsonType<TSettings>());
        return true;
    }
}

/// <summary>Intents that were planned: written as JSON, not appended yet.</summary>
internal sealed class PlannedIntents(IntentCatalog catalog) : IDisposable
{
    private readonly KeyBuffer _json = new();
    private readonly List<(byte[] Type, int At, int Length)> _planned = [];
    private Utf8JsonWriter? _writer;

    public int Count => _planned.Count;

    public void Clear()
    {
        _json.Clear();
        _planned.Clear();
    }

    public void Add(IIntent intent) => Add((intent, catalog), static (it, writer) => it.catalog.Write(it.intent, writer));

    public void AddCommand(string id, object command) =>
        Add(
            (id, command, catalog),
            static (it, writer) =>
            {
                it.catalog.WriteCommand(it.id, it.command, writer);
                return IntentCatalog.Utf8SendName;
            }
        );

    public ReadOnlySpan<byte> Type(int index) => _planned[index].Type;

    public ReadOnlySpan<byte> Json(int index) => _json.Span.Slice(_planned[index].At, _planned[index].Length);

    private void Add<T>(T what, Func<T, Utf8JsonWriter, byte[]> write)
    {
        var at = _json.Length;
        _writer ??= new Utf8JsonWriter(_json);
        _writer.Reset();
        var type = write(what, _writer);
        _writer.Flush();
        _planned.Add((type, at, _json.Length - at));
    }

    public void Dispose() => _writer?.Dispose();
}

/// <summary>What a reaction's logic writes through, and counts.</summary>
internal sealed class ReactionEffects(string reaction, TopicPartition intents, EntitySeal? seal)
{
    public TimerTable Timers { get; } = new();
    public IntentWriter Intents { get; } = new(reaction, intents, seal);
    public EntitySeal? Seal => seal;

    /// <summary>Whether a first snapshot of the application's tables is under way.</summary>
    public bool IsHolding { get; set; }

    /// <summary>Intents of snapshot rows that were no news.</summary>
    public long Suppressed { get; set; }
}

internal static class ReactionContexts
{
    /// <summary>Fills a context that is used for event after event.</summary>
    public static void Set(this ReactionContext context, in Incoming item, in EventHeaders headers)
    {
        context.Key = Encoding.UTF8.GetString(item.Key.Span);
        context.EntityId = new EntityId(headers.Subject.IsEmpty ? context.Key : Encoding.UTF8.GetString(headers.Subject));
        context.Time = Instants.Of(item.Time);
        context.IsSnapshot = headers.IsSnapshot;
    }
}
