using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// A reaction that counts in a window: it fires when the count crosses the threshold and is armed again when the count is at or below it. A
/// crossing by a snapshot's row is remembered, not fired: it is looked at again when all snapshots have ended, or at the next event.
/// </summary>
internal sealed class CountingLogic<TEvent, T, TSettings>(
    CountingReactionDefinition<TEvent, T, TSettings> reaction,
    Topology topology,
    int feeds,
    ReactionEffects effects
) : ReactionLogic(effects), IDisposable
    where TEvent : class
    where T : class, TEvent
    where TSettings : class
{
    private readonly FeedSettings<TSettings> _settings = new(topology, feeds);
    private readonly JsonTypeInfo<TEvent> _eventType = topology.JsonType<TEvent>();
    private readonly ReactionContext<TSettings> _context = new();
    private readonly PlannedIntents _planned = new(new IntentCatalog(topology));
    private readonly KeyBuffer _key = new();
    private readonly KeyBuffer _value = new();
    private readonly Crossing _crossing = new();
    private readonly Window _window = Window.Of(reaction.Kind, reaction.Span.Ticks / TimeSpan.TicksPerMicrosecond);
    private bool _skips;

    public override bool IsReady(int feed) => _settings.IsKnown(feed);

    public override bool SetSettings(int feed, ReadOnlySpan<byte> record) => _settings.Set(feed, record);

    public override void Plan(ITransaction transaction, in Incoming item)
    {
        _planned.Clear();
        _skips = true;
        var headers = new EventHeaders(item.Headers.Span);
        // The review of a key, when all snapshots have ended, comes as their control with the key put in.
        var isReview = headers.IsControl;
        var time = item.Time;
        if (!isReview)
        {
            if (!Seal.TryOpen(item, headers, out var value) || JsonSerializer.Deserialize(value, _eventType) is not T e)
            {
                return;
            }
            if (reaction.At?.Invoke(e) is { } named)
            {
                time = Math.Min(Instants.Of(named), time);
            }
        }
        Load(transaction, item.Key.Span);
        _context.Set(item, headers);
        _context.Settings = _settings[item.Feed];
        var threshold = reaction.Threshold(_context.Settings);
        if (isReview)
        {
            _window.PlanReview(transaction, item.Key.Span, time);
        }
        else
        {
            _window.PlanAdd(transaction, item.Key.Span, time, headers.Id, Effects.IsHolding);
        }
        if (isReview && _crossing.Entity.Length > 0)
        {
            _context.EntityId = new EntityId(System.Text.Encoding.UTF8.GetString(_crossing.Entity));
        }
        _crossing.Move(_window.Before, _window.After, threshold);
        if (_crossing.IsAbove && !headers.IsSnapshot)
        {
            _planned.Add(reaction.ThenIntent(_window.After, _context));
        }
        _skips = false;
    }

    public override void Apply(ITransaction transaction, in Incoming item)
    {
        if (_skips)
        {
            return;
        }
        var key = item.Key.Span;
        var headers = new EventHeaders(item.Headers.Span);
        if (_planned.Count > 0)
        {
            var id = headers.IsControl ? _crossing.Id : headers.Id;
            var correlation = headers.IsControl ? _crossing.CorrelationId : headers.CorrelationId;
            var entity =
                headers.IsControl ? _crossing.Entity
                : headers.Subject.IsEmpty ? key
                : headers.Subject;
            var cause = new IntentCause(id.IsEmpty ? headers.Type : id, correlation, entity.IsEmpty ? key : entity);
            Effects.Intents.Append(transaction, key, item.Time, cause, default, _planned.Type(0), _planned.Json(0));
            _crossing.Fired();
        }
        else if (_crossing.IsAbove)
        {
            if (_crossing.Id.IsEmpty)
            {
                _crossing.Remember(headers.Id, headers.Subject.IsEmpty ? key : headers.Subject, headers.CorrelationId);
                Effects.Suppressed++;
            }
        }
        _window.Apply(transaction, key);
        _crossing.Write(_value.Clear());
        _window.Write(_value);
        transaction.Put(_key.Start(ReactionKeys.State).Raw(key), _value);
    }

    public override List<byte[]> KeysToReview(ITransaction transaction)
    {
        var keys = new List<byte[]>();
        using var cursor = transaction.Range([ReactionKeys.State], [ReactionKeys.State + 1]);
        while (cursor.MoveNext())
        {
            keys.Add(cursor.Key[1..].ToArray());
        }
        return keys;
    }

    private void Load(ITransaction transaction, ReadOnlySpan<byte> key)
    {
        if (transaction.TryGet(_key.Start(ReactionKeys.State).Raw(key), out var stored))
        {
            _window.Read(_crossing.Read(stored));
        }
        else
        {
            _crossing.Reset();
            _window.Reset();
        }
    }

    public void Dispose() => _planned.Dispose();
}
