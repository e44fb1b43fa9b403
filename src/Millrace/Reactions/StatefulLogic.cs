using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Millrace.Engines;

namespace Millrace;

/// <summary>A reaction with state: what its function returns becomes state, timers and intents.</summary>
internal sealed class StatefulLogic<TEvent, T, TSettings, TState> : ReactionLogic, IDisposable
    where TEvent : class
    where T : class, TEvent
    where TSettings : class
    where TState : class
{
    private readonly StatefulReactionDefinition<TEvent, T, TSettings, TState> _reaction;
    private readonly FeedSettings<TSettings> _settings;
    private readonly JsonTypeInfo<TEvent> _eventType;
    private readonly JsonTypeInfo<TState> _stateType;
    private readonly ReactionContext<TSettings> _context = new();
    private readonly PlannedIntents _planned;
    private readonly KeyBuffer _key = new();
    private readonly KeyBuffer _state = new();
    private readonly KeyBuffer _payload = new();
    private readonly Utf8JsonWriter _writer;
    private bool _skips;
    private bool _keepsState;
    private Then<TState> _then;

    public StatefulLogic(
        StatefulReactionDefinition<TEvent, T, TSettings, TState> reaction,
        Topology topology,
        int feeds,
        ReactionEffects effects
    )
        : base(effects)
    {
        _reaction = reaction;
        _settings = new FeedSettings<TSettings>(topology, feeds);
        _eventType = topology.JsonType<TEvent>();
        _stateType = topology.JsonType<TState>();
        _planned = new PlannedIntents(new IntentCatalog(topology));
        _writer = new Utf8JsonWriter(_state);
    }

    public override bool IsReady(int feed) => _settings.IsKnown(feed);

    public override bool SetSettings(int feed, ReadOnlySpan<byte> record) => _settings.Set(feed, record);

    public override void Plan(ITransaction transaction, in Incoming item)
    {
        _planned.Clear();
        _skips = true;
        var headers = new EventHeaders(item.Headers.Span);
        if (!Seal.TryOpen(item, headers, out var value) || JsonSerializer.Deserialize(value, _eventType) is not T e)
        {
            return;
        }
        _context.Set(item, headers);
        _context.Settings = _settings[item.Feed];
        _key.Start(ReactionKeys.State).Raw(item.Key.Span);
        var before = transaction.TryGet(_key, out var stored) ? JsonSerializer.Deserialize(stored, _stateType)! : _reaction.Initial;
        _then = _reaction.React(before, e, _context);
        if (_then.State is null && !_then.Forget)
        {
            throw new InvalidOperationException(
                $"The reaction \"{_reaction.Name}\" returned neither a state nor Then.Forget for {e.GetType().Name}: return the state to keep it."
            );
        }
        _keepsState = !_then.Forget && !ReferenceEquals(_then.State, before);
        if (_keepsState)
        {
            _state.Clear();
            _writer.Reset();
            JsonSerializer.Serialize(_writer, _then.State!, _stateType);
        }
        foreach (ref readonly var step in _then.Steps)
        {
            if (step.Kind is ThenKind.Send)
            {
                _planned.AddCommand(step.Name!, step.Command!);
            }
            else if (step.Kind is not ThenKind.Cancel)
            {
                _planned.Add(step.Intent!);
            }
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
        _key.Start(ReactionKeys.State).Raw(key);
        if (_then.Forget)
        {
            transaction.Delete(_key);
            Effects.Timers.Forget(transaction, key);
        }
        else if (_keepsState)
        {
            transaction.Put(_key, _state);
        }
        var headers = new EventHeaders(item.Headers.Span);
        var cause = new IntentCause(headers.Id, headers.CorrelationId, headers.Subject.IsEmpty ? key : headers.Subject);
        int planned = 0,
            done = 0;
        Span<byte> suffix = stackalloc byte[12];
        foreach (ref readonly var step in _then.Steps)
        {
            if (step.Kind is ThenKind.Cancel)
            {
                Effects.Timers.Cancel(transaction, key, Encoding.UTF8.GetBytes(step.Name!));
                continue;
            }
            var type = _planned.Type(planned);
            var json = _planned.Json(planned++);
            if (step.Kind is ThenKind.At)
            {
                Effects.Intents.Pack(_payload, cause, type, json);
                Effects.Timers.Arm(transaction, key, Encoding.UTF8.GetBytes(step.Name!), Instants.Of(step.Time), _payload);
            }
            else if (headers.IsSnapshot)
            {
                // Rows that a snapshot shows were there before: they are no news.
                Effects.Suppressed++;
            }
            else
            {
                var length = 0;
                if (done++ > 0)
                {
                    suffix[0] = (byte)'#';
                    (done - 1).TryFormat(suffix[1..], out length, default, CultureInfo.InvariantCulture);
                    length++;
                }
                Effects.Intents.Append(transaction, key, item.Time, cause, suffix[..length], type, json);
            }
        }
    }

    public void Dispose()
    {
        _writer.Dispose();
        _planned.Dispose();
    }
}
