namespace Millrace;

/// <summary>Sends native commands. Registered in DI by <c>AddMillrace</c>.</summary>
public interface ICommands
{
    /// <summary>Sends a command and waits for its decision.</summary>
    /// <typeparam name="TEvent">The aggregate's event type.</typeparam>
    /// <param name="id">The entity.</param>
    /// <param name="command">What is asked.</param>
    /// <param name="cancellation">Stops waiting; the command may be decided all the same.</param>
    /// <returns>What was decided, read from the log.</returns>
    /// <exception cref="InvalidOperationException">No aggregate of the topology takes the command.</exception>
    Task<Decided<TEvent>> Send<TEvent>(EntityId id, ICommand<TEvent> command, CancellationToken cancellation)
        where TEvent : class => Send(id, command, new SendOptions(), cancellation);

    /// <summary>Sends a command and waits for its decision.</summary>
    /// <typeparam name="TEvent">The aggregate's event type.</typeparam>
    /// <param name="id">The entity.</param>
    /// <param name="command">What is asked.</param>
    /// <param name="options">Idempotency key, expected sequence.</param>
    /// <param name="cancellation">Stops waiting; the command may be decided all the same.</param>
    /// <returns>What was decided, read from the log.</returns>
    /// <exception cref="InvalidOperationException">No aggregate of the topology takes the command.</exception>
    Task<Decided<TEvent>> Send<TEvent>(EntityId id, ICommand<TEvent> command, SendOptions options, CancellationToken cancellation)
        where TEvent : class;
}

/// <summary>How a native command is sent.</summary>
public sealed record SendOptions
{
    /// <summary>
    /// The same key for the same entity is decided once; a repetition is answered with the recorded decision. Null: a new one each time.
    /// </summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The sequence the entity must be at (see <see cref="Decided{TEvent}.Sequence"/>), else the command is rejected. Null: any.</summary>
    public long? ExpectedSequence { get; init; }
}

/// <summary>What became of a native command.</summary>
/// <typeparam name="TEvent">The aggregate's event type.</typeparam>
public sealed class Decided<TEvent>
    where TEvent : class
{
    internal Decided(string? rejected, int events, long sequence, LogPosition position)
    {
        Rejected = rejected;
        Events = events;
        Sequence = sequence;
        Position = position;
    }

    /// <summary>Why it was rejected; null when it was accepted.</summary>
    public string? Rejected { get; }

    /// <summary>How many events it published.</summary>
    public int Events { get; }

    /// <summary>The entity's command ordinal after it.</summary>
    public long Sequence { get; }

    /// <summary>A position in the event log that has its events; give it to a view to read one's own write.</summary>
    public LogPosition Position { get; }
}

/// <summary>A place in a partition of a log.</summary>
/// <param name="Topic">The topic's name.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The offset of the first record after it.</param>
public readonly record struct LogPosition(string Topic, int Partition, long Offset);
