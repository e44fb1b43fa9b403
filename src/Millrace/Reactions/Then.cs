namespace Millrace;

/// <summary>What follows from an event: the state to keep, timers to arm or cancel, intents to carry out. Made with <see cref="Then"/>.</summary>
/// <typeparam name="TState">The reaction's state.</typeparam>
public readonly struct Then<TState>
{
    private readonly ThenStep[]? _steps;

    internal Then(TState? state, bool forget, ThenStep[]? steps)
    {
        State = state;
        Forget = forget;
        _steps = steps;
    }

    internal TState? State { get; }
    internal bool Forget { get; }
    internal ReadOnlySpan<ThenStep> Steps => _steps;

    /// <summary>Arms a timer, or replaces the one of that name: the intent becomes due at the time given, in event time.</summary>
    /// <param name="time">When; a time already past fires at once.</param>
    /// <param name="timer">The timer's name, within this reaction and key.</param>
    /// <param name="intent">What is wanted then.</param>
    public Then<TState> At(DateTimeOffset time, string timer, IIntent intent) => With(new ThenStep(ThenKind.At, time, timer, intent));

    /// <summary>Cancels a timer; nothing happens when it is not armed.</summary>
    /// <param name="timer">The timer's name.</param>
    public Then<TState> Cancel(string timer) => With(new ThenStep(ThenKind.Cancel, default, timer, null));

    /// <summary>Wants something done now.</summary>
    /// <param name="intent">What.</param>
    public Then<TState> Do(IIntent intent) => With(new ThenStep(ThenKind.Do, default, null, intent));

    /// <summary>Wants a native command sent to an entity; it arrives with the intent's id as its idempotency key.</summary>
    /// <typeparam name="TEvent">The aggregate's event type.</typeparam>
    /// <param name="id">The entity.</param>
    /// <param name="command">What is asked of it.</param>
    public Then<TState> Send<TEvent>(EntityId id, ICommand<TEvent> command)
        where TEvent : class => With(new ThenStep(ThenKind.Send, default, id.Value, null, command));

    /// <summary>To keep a state, and nothing else, return the state.</summary>
    public static implicit operator Then<TState>(TState state) => new(state, false, null);

    /// <summary><c>Then.Forget</c> drops the state and every timer of the key.</summary>
    public static implicit operator Then<TState>(Forgotten forgotten) => new(default, true, forgotten.Steps);

    private Then<TState> With(ThenStep step) => new(State, Forget, [.. _steps ?? [], step]);
}

/// <summary>Begins what follows from an event.</summary>
public static class Then
{
    /// <summary>Keeps a state.</summary>
    public static Then<TState> Keep<TState>(TState state) => new(state, false, null);

    /// <summary>Drops the state and every timer of the key.</summary>
    public static Forgotten Forget => default;
}

/// <summary>The state and every timer of the key are dropped.</summary>
public readonly struct Forgotten
{
    private Forgotten(ThenStep[] steps) => Steps = steps;

    internal ThenStep[]? Steps { get; }

    /// <summary>And something is wanted done now.</summary>
    /// <param name="intent">What.</param>
    public Forgotten Do(IIntent intent) => new([.. Steps ?? [], new ThenStep(ThenKind.Do, default, null, intent)]);
}

internal enum ThenKind : byte
{
    At,
    Cancel,
    Do,
    Send,
}

internal readonly record struct ThenStep(ThenKind Kind, DateTimeOffset Time, string? Name, IIntent? Intent, object? Command = null);
