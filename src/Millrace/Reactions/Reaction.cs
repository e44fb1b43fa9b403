using Millrace.Engines;

namespace Millrace;

/// <summary>
/// "When … Then …": keyed state over an aggregate's events that returns intents.
/// <c>Reaction.Named("urgent-ticket-unanswered").Of(Ticket.Definition).PerEntity().Settings&lt;Rules&gt;().State(new Waiting()).React(WhenUrgent)</c>.
/// </summary>
public abstract class Reaction
{
    private protected Reaction(string name, AggregateDefinition aggregate)
    {
        Name = name;
        Aggregate = aggregate;
    }

    /// <summary>The durable name.</summary>
    public string Name { get; }

    internal AggregateDefinition Aggregate { get; }

    /// <summary>The settings record it reads, or null.</summary>
    internal abstract Type? SettingsType { get; }

    /// <summary>The state of a key, or null where the runtime keeps its own (a count).</summary>
    internal abstract Type? StateType { get; }

    /// <summary>The type of event it is keyed by; null where its key is the entity.</summary>
    internal abstract Type? KeyedByType { get; }

    /// <summary>What it is, for people and for the fingerprint: <c>state</c>, or the window.</summary>
    internal abstract string Shape { get; }

    /// <summary>What it does with an event, for one partition.</summary>
    internal abstract ReactionLogic CreateLogic(Topology topology, int feeds, ReactionEffects effects);

    /// <summary>What carries events to its keys; only where it has keys of its own.</summary>
    internal abstract IProcessor CreateRouter(Application application, DownstreamServices services, int partition);

    /// <summary>Begins a reaction.</summary>
    /// <param name="name">The durable name: lower case letters, digits and dashes.</param>
    public static NamedReaction Named(string name) => new(Names.Check(name, "reaction"));
}

/// <summary>What a reaction may know beside state and event. Valid only during the call.</summary>
public class ReactionContext : Context
{
    internal ReactionContext() { }

    /// <summary>The reaction's key.</summary>
    public string Key { get; internal set; } = "";
}

/// <summary>What a reaction with settings may know.</summary>
/// <typeparam name="TSettings">The settings record.</typeparam>
public sealed class ReactionContext<TSettings> : ReactionContext
{
    internal ReactionContext() { }

    /// <summary>The settings as the log had them at this event, so that a replay sees the value of that time.</summary>
    public TSettings Settings { get; internal set; } = default!;
}

/// <summary>A reaction with a name.</summary>
/// <param name="name">The durable name.</param>
public sealed class NamedReaction(string name)
{
    /// <summary>To which aggregate's events.</summary>
    public ReactionOf<TEvent> Of<TEvent>(Aggregate<TEvent> aggregate)
        where TEvent : class => new(name, aggregate);
}

/// <summary>A reaction over an aggregate's events.</summary>
/// <typeparam name="TEvent">The event type.</typeparam>
public sealed class ReactionOf<TEvent>
    where TEvent : class
{
    private readonly string _name;
    private readonly Aggregate<TEvent> _aggregate;

    internal ReactionOf(string name, Aggregate<TEvent> aggregate)
    {
        _name = name;
        _aggregate = aggregate;
    }

    /// <summary>Its key is the entity.</summary>
    public KeyedReaction<TEvent, TEvent> PerEntity() => new(_name, _aggregate, null);

    /// <summary>Its key is a value of one type of event; others are not its business. The runtime repartitions.</summary>
    /// <typeparam name="T">The type of event.</typeparam>
    /// <typeparam name="TKey">A string, number, Guid or enum; a null key skips the event.</typeparam>
    /// <param name="key">The key; pure.</param>
    public KeyedReaction<TEvent, T> KeyedBy<T, TKey>(Func<T, TKey> key)
        where T : class, TEvent => new(_name, _aggregate, (e) => e is T t ? KeyText.Of(key(t)) : null);
}

/// <summary>A reaction with its key.</summary>
/// <typeparam name="TEvent">The aggregate's event type.</typeparam>
/// <typeparam name="T">The type of event it takes.</typeparam>
public sealed class KeyedReaction<TEvent, T>
    where TEvent : class
    where T : class, TEvent
{
    private readonly string _name;
    private readonly Aggregate<TEvent> _aggregate;
    private readonly Func<TEvent, string?>? _key;

    internal KeyedReaction(string name, Aggregate<TEvent> aggregate, Func<TEvent, string?>? key)
    {
        _name = name;
        _aggregate = aggregate;
        _key = key;
    }

    /// <summary>Reads settings (thresholds), which travel through the log as records.</summary>
    /// <typeparam name="TSettings">The settings record, known to the topology's JSON context.</typeparam>
    public SettledReaction<TEvent, T, TSettings> Settings<TSettings>()
        where TSettings : class => new(_name, _aggregate, _key);

    /// <summary>State and a function, without settings.</summary>
    /// <typeparam name="TState">The state of a key, a record known to the topology's JSON context.</typeparam>
    /// <param name="initial">The state of a key not seen before.</param>
    public StatefulReaction<TEvent, T, NoSettings, TState> State<TState>(TState initial)
        where TState : class => new(_name, _aggregate, _key, initial);
}

/// <summary>Stands where a reaction has no settings.</summary>
public sealed record NoSettings;

/// <summary>A reaction with settings.</summary>
/// <typeparam name="TEvent">The aggregate's event type.</typeparam>
/// <typeparam name="T">The type of event it takes.</typeparam>
/// <typeparam name="TSettings">The settings record.</typeparam>
public sealed class SettledReaction<TEvent, T, TSettings>
    where TEvent : class
    where T : class, TEvent
    where TSettings : class
{
    private readonly string _name;
    private readonly Aggregate<TEvent> _aggregate;
    private readonly Func<TEvent, string?>? _key;

    internal SettledReaction(string name, Aggregate<TEvent> aggregate, Func<TEvent, string?>? key)
    {
        _name = name;
        _aggregate = aggregate;
        _key = key;
    }

    /// <summary>State and a function.</summary>
    /// <typeparam name="TState">The state of a key, a record known to the topology's JSON context.</typeparam>
    /// <param name="initial">The state of a key not seen before.</param>
    public StatefulReaction<TEvent, T, TSettings, TState> State<TState>(TState initial)
        where TState : class => new(_name, _aggregate, _key, initial);

    /// <summary>Counts events in the last <paramref name="span"/> before each event, that event included: (t - span, t].</summary>
    /// <param name="span">The window.</param>
    public CountingReaction<TEvent, T, TSettings> Sliding(TimeSpan span) => new(_name, _aggregate, _key, WindowKind.Sliding, span);

    /// <summary>Counts events in fixed windows [n·span, (n+1)·span) since 1970-01-01T00:00:00Z.</summary>
    /// <param name="span">The window.</param>
    public CountingReaction<TEvent, T, TSettings> Tumbling(TimeSpan span) => new(_name, _aggregate, _key, WindowKind.Tumbling, span);

    /// <summary>Counts events with no gap longer than <paramref name="gap"/> between them.</summary>
    /// <param name="gap">The gap that ends a session.</param>
    public CountingReaction<TEvent, T, TSettings> Session(TimeSpan gap) => new(_name, _aggregate, _key, WindowKind.Session, gap);
}

internal enum WindowKind : byte
{
    Sliding,
    Tumbling,
    Session,
}

/// <summary>A reaction with state.</summary>
/// <typeparam name="TEvent">The aggregate's event type.</typeparam>
/// <typeparam name="T">The type of event it takes.</typeparam>
/// <typeparam name="TSettings">The settings record.</typeparam>
/// <typeparam name="TState">The state of a key.</typeparam>
public sealed class StatefulReaction<TEvent, T, TSettings, TState>
    where TEvent : class
    where T : class, TEvent
    where TSettings : class
    where TState : class
{
    private readonly string _name;
    private readonly Aggregate<TEvent> _aggregate;
    private readonly Func<TEvent, string?>? _key;
    private readonly TState _initial;

    internal StatefulReaction(string name, Aggregate<TEvent> aggregate, Func<TEvent, string?>? key, TState initial)
    {
        _name = name;
        _aggregate = aggregate;
        _key = key;
        _initial = initial;
    }

    /// <summary>What follows from an event.</summary>
    /// <param name="react">Pure: state, event, context to what follows.</param>
    public Reaction React(Func<TState, T, ReactionContext<TSettings>, Then<TState>> react) =>
        new StatefulReactionDefinition<TEvent, T, TSettings, TState>(_name, _aggregate, _key, _initial, react);
}

/// <summary>A reaction that counts in a window.</summary>
/// <typeparam name="TEvent">The aggregate's event type.</typeparam>
/// <typeparam name="T">The type of event it takes.</typeparam>
/// <typeparam name="TSettings">The settings record.</typeparam>
public sealed class CountingReaction<TEvent, T, TSettings>
    where TEvent : class
    where T : class, TEvent
    where TSettings : class
{
    private readonly string _name;
    private readonly Aggregate<TEvent> _aggregate;
    private readonly Func<TEvent, string?>? _key;
    private readonly WindowKind _kind;
    private readonly TimeSpan _span;
    private readonly Func<T, DateTimeOffset?>? _at;

    internal CountingReaction(
        string name,
        Aggregate<TEvent> aggregate,
        Func<TEvent, string?>? key,
        WindowKind kind,
        TimeSpan span,
        Func<T, DateTimeOffset?>? at = null
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(span, TimeSpan.Zero);
        _name = name;
        _aggregate = aggregate;
        _key = key;
        _kind = kind;
        _span = span;
        _at = at;
    }

    /// <summary>
    /// Counts an event at a time it names, such as when something that a snapshot showed began: the record has the time of the row's last change.
    /// </summary>
    /// <param name="time">Pure. Null, or a time later than the record's, is the record's.</param>
    public CountingReaction<TEvent, T, TSettings> At(Func<T, DateTimeOffset?> time) => new(_name, _aggregate, _key, _kind, _span, time);

    /// <summary>Fires when the count crosses a threshold (becomes more than it), and re-arms when it is at or below it again.</summary>
    /// <param name="threshold">The threshold, from the settings.</param>
    /// <param name="then">What is wanted; given the count.</param>
    public Reaction MoreThan(Func<TSettings, int> threshold, Func<int, ReactionContext<TSettings>, IIntent> then) =>
        new CountingReactionDefinition<TEvent, T, TSettings>(_name, _aggregate, _key, _kind, _span, _at, threshold, then);
}

internal sealed class StatefulReactionDefinition<TEvent, T, TSettings, TState>(
    string name,
    Aggregate<TEvent> aggregate,
    Func<TEvent, string?>? key,
    TState initial,
    Func<TState, T, ReactionContext<TSettings>, Then<TState>> react
) : Reaction(name, aggregate)
    where TEvent : class
    where T : class, TEvent
    where TSettings : class
    where TState : class
{
    internal Aggregate<TEvent> Of => aggregate;
    internal Func<TEvent, string?>? Key => key;
    internal TState Initial => initial;
    internal Func<TState, T, ReactionContext<TSettings>, Then<TState>> React => react;
    internal override Type? StateType => typeof(TState);
    internal override Type? KeyedByType => key is null ? null : typeof(T);
    internal override string Shape => "state";

    internal override ReactionLogic CreateLogic(Topology topology, int feeds, ReactionEffects effects) =>
        new StatefulLogic<TEvent, T, TSettings, TState>(this, topology, feeds, effects);

    internal override IProcessor CreateRouter(Application application, DownstreamServices services, int partition) =>
        Routing.Of(this, key!, application, services, partition);

    internal override Type? SettingsType => typeof(TSettings) == typeof(NoSettings) ? null : typeof(TSettings);
}

internal sealed class CountingReactionDefinition<TEvent, T, TSettings>(
    string name,
    Aggregate<TEvent> aggregate,
    Func<TEvent, string?>? key,
    WindowKind kind,
    TimeSpan span,
    Func<T, DateTimeOffset?>? at,
    Func<TSettings, int> threshold,
    Func<int, ReactionContext<TSettings>, IIntent> then
) : Reaction(name, aggregate)
    where TEvent : class
    where T : class, TEvent
    where TSettings : class
{
    internal Aggregate<TEvent> Of => aggregate;
    internal Func<TEvent, string?>? Key => key;
    internal WindowKind Kind => kind;
    internal TimeSpan Span => span;
    internal Func<T, DateTimeOffset?>? At => at;
    internal Func<TSettings, int> Threshold => threshold;
    internal Func<int, ReactionContext<TSettings>, IIntent> ThenIntent => then;
    internal override Type? StateType => null;
    internal override Type? KeyedByType => key is null ? null : typeof(T);

    internal override ReactionLogic CreateLogic(Topology topology, int feeds, ReactionEffects effects) =>
        new CountingLogic<TEvent, T, TSettings>(this, topology, feeds, effects);

    internal override IProcessor CreateRouter(Application application, DownstreamServices services, int partition) =>
        Routing.Of(this, key!, application, services, partition);

    internal override string Shape => $"{kind.ToString().ToLowerInvariant()} {span:c}";
    internal override Type? SettingsType => typeof(TSettings) == typeof(NoSettings) ? null : typeof(TSettings);
}
