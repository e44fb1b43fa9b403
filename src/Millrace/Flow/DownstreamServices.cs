using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;

namespace Millrace;

/// <summary>What everything below the event log shares in one process.</summary>
internal sealed class DownstreamServices
{
    private readonly ConcurrentDictionary<string, object> _hubs = new(StringComparer.Ordinal);
    private Loops? _loops;
    private LogPositions? _positions;

    public required IEngine Engine { get; init; }

    /// <summary>Where executors are resolved from, a scope each intent.</summary>
    public required IServiceProvider Provider { get; init; }

    public MillraceOptions Options { get; init; } = new();

    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>The clock of retries and of the ticker. No reaction ever sees it.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Told when a processor threw: the group, the partition, and why.</summary>
    public required Action<string, int, Exception> Faulted { get; init; }

    /// <summary>Sends a command for a reaction and waits for its decision; returns why it was rejected, or null.</summary>
    public required SendCommandAsync Send { get; init; }

    /// <summary>The keys of personal data; null where no aggregate has any.</summary>
    public Seals? Seals { get; init; }

    public TimerRegistry Timers { get; } = new();

    public FlowCounters Counters { get; } = new();

    public Loops Loops => LazyInitializer.EnsureInitialized(ref _loops, () => new Loops(Time));

    /// <summary>Where logs end and groups stand, for who only looks.</summary>
    public LogPositions Positions => LazyInitializer.EnsureInitialized(ref _positions, () => new LogPositions(Engine, Time));

    public ViewHub<TDocument> Hub<TDocument>(View<TDocument> view)
        where TDocument : class => (ViewHub<TDocument>)_hubs.GetOrAdd(view.Name, static _ => new ViewHub<TDocument>());
}

/// <summary>Sends a command for a reaction and waits for its decision.</summary>
/// <returns>Why it was rejected, or null.</returns>
internal delegate Task<string?> SendCommandAsync(
    AggregateDefinition aggregate,
    EntityId id,
    object command,
    SendOptions options,
    string correlationId,
    CancellationToken cancellation
);
