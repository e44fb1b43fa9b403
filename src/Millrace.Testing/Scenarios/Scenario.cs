using System.Text.Json;
using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>
/// Given/when/then through the whole chain, from rows of the monolith to intents, on the runtime itself, in virtual time and on the calling
/// thread: no server, no waiting, the same each time. <c>Scenario.Of(Desk.Topology, new Rules(…)).Given(Insert(ticket)).When(Update(…)).Then(…)</c>.
/// </summary>
/// <remarks>
/// It begins at 2024-01-01T00:00:00Z. Time stands still until <see cref="After"/> or <see cref="At"/> moves it, or a row carries a later business time.
/// The rows of one call are one source transaction. A step that goes otherwise than expected throws <see cref="ScenarioException"/>.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design",
    "CA1001",
    Justification = "It holds memory and nothing else; a test that is one expression has nobody to dispose it."
)]
public sealed partial class Scenario
{
    private static readonly DateTimeOffset Beginning = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly VirtualTime _clock;
    private readonly Dictionary<Type, object> _settings;
    private readonly FailureLog _failures = new();
    private readonly InMemoryEngine _engine;
    private readonly Runtime _runtime;
    private readonly HashSet<string> _executors;
    private readonly HashSet<string> _sent = [];
    private readonly Queue<int> _growth = new(Growth.Value ?? []);
    private long _ticked = long.MinValue;

    private Scenario(Topology topology, object[] settings, int partitions, Scenario? before)
    {
        _settings = settings.ToDictionary(value => value.GetType());
        foreach (var reaction in topology.Reactions)
        {
            if (reaction.SettingsType is { } type && !_settings.ContainsKey(type))
            {
                throw new ScenarioException(
                    $"The reaction \"{reaction.Name}\" reads {type.Name}: give one, Scenario.Of(topology, new {type.Name}(…))."
                );
            }
        }
        _clock = before?._clock ?? new VirtualTime(Beginning);
        _engine = before?._engine ?? new InMemoryEngine(_clock);
        Monolith = before?.Monolith ?? new Monolith();
        _runtime = new Runtime(
            topology,
            new MillraceOptions { Partitions = partitions },
            _engine,
            [new NoSource()],
            _settings,
            new NoServices(),
            _clock,
            _failures
        );
        Wait(_runtime.PrepareAsync(CancellationToken.None));
        _executors = topology.Reactions.Select(_runtime.Application.ExecutorGroup).ToHashSet();
        Binlog = new FakeBinlog(_runtime.Captures[0], Monolith);
        Binlog.Resume();
        Settle();
        Mark();
    }

    /// <summary>Intents are compared, not carried out.</summary>
    private ProcessorGroup[] Groups => [.. _runtime.Groups.Where(group => !_executors.Contains(group.Name))];

    /// <summary>Scenarios that begin in this flow of control get so many partitions, one number before each source transaction.</summary>
    internal static AsyncLocal<int[]?> Growth { get; } = new();

    /// <summary>Partitions are added to the command logs; the fence goes with the source's next commit.</summary>
    internal Scenario Grow(int partitions)
    {
        Wait(_runtime.GrowAsync(partitions, CancellationToken.None));
        return this;
    }

    internal Monolith Monolith { get; }
    internal FakeBinlog Binlog { get; }
    internal Runtime Runtime => _runtime;
    internal InMemoryEngine Engine => _engine;
    internal long Now => Instants.Of(_clock.Now);

    /// <summary>Begins a scenario.</summary>
    /// <param name="topology">The application.</param>
    /// <param name="settings">A value for each settings record that its reactions read.</param>
    /// <exception cref="ScenarioException">A settings record is missing.</exception>
    /// <exception cref="MillraceStartException">Something is wrong with the topology; all of it is listed.</exception>
    public static Scenario Of(Topology topology, params object[] settings)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(settings);
        return new Scenario(topology, settings, partitions: 4, before: null);
    }

    internal static Scenario Of(Topology topology, int partitions) => new(topology, [], partitions, before: null);

    /// <summary>The process ends and another begins over the same logs and states, with this code.</summary>
    internal Scenario Restarted(Topology? topology = null) =>
        new(topology ?? _runtime.Application.Topology, [.. _settings.Values], _runtime.Application.Partitions, this);

    /// <summary>Says that the database deletes a child with its parent and logs nothing of it (ON DELETE CASCADE). Say so before the first row.</summary>
    /// <typeparam name="TChild">The child's row record.</typeparam>
    public Scenario OnDeleteCascade<TChild>()
        where TChild : class, IRow<TChild>
    {
        Monolith.Cascades.Add(TChild.Definition);
        return this;
    }

    /// <summary>One source transaction that came before: what it publishes is not looked at.</summary>
    /// <param name="rows">What it did.</param>
    public Scenario Given(params RowOp[] rows)
    {
        Commit(rows);
        Mark();
        return this;
    }

    /// <summary>One source transaction.</summary>
    /// <param name="rows">What it does.</param>
    public Scenario When(params RowOp[] rows)
    {
        Mark();
        Commit(rows);
        return this;
    }

    /// <summary>A native command.</summary>
    /// <typeparam name="TEvent">The aggregate's event type.</typeparam>
    /// <param name="id">The entity.</param>
    /// <param name="command">What is asked of it.</param>
    public Scenario When<TEvent>(EntityId id, ICommand<TEvent> command)
        where TEvent : class => When(id, command, new SendOptions());

    /// <summary>A native command.</summary>
    /// <typeparam name="TEvent">The aggregate's event type.</typeparam>
    /// <param name="id">The entity.</param>
    /// <param name="command">What is asked of it.</param>
    /// <param name="options">Idempotency key, expected sequence.</param>
    public Scenario When<TEvent>(EntityId id, ICommand<TEvent> command, SendOptions options)
        where TEvent : class
    {
        Mark();
        _asked = $"{command.GetType().Name} to {id}";
        var decided = _runtime.Commands.Send(id, command, options, CancellationToken.None);
        Settle();
        _rejected = Wait(decided).Rejected;
        return this;
    }

    /// <summary>An entity of a personal aggregate is erased.</summary>
    /// <param name="aggregate">The aggregate.</param>
    /// <param name="id">The entity.</param>
    public Scenario Erase(AggregateDefinition aggregate, EntityId id)
    {
        ArgumentNullException.ThrowIfNull(aggregate);
        Mark();
        Wait(_runtime.EraseAsync(aggregate.Name, id, "a scenario", null, CancellationToken.None));
        Settle();
        return this;
    }

    /// <summary>Changes that happen while nobody reads the log, which is purged meanwhile: only a snapshot will show them.</summary>
    /// <param name="rows">What happens.</param>
    public Scenario Unseen(params RowOp[] rows)
    {
        Mark();
        foreach (var op in rows)
        {
            Monolith.Do(op);
        }
        return this;
    }

    /// <summary>A snapshot of every mapped table as it stands.</summary>
    public Scenario Snapshot()
    {
        Mark();
        Show(_runtime.Captures[0].Tables.Select(table => table.Name));
        return this;
    }

    /// <summary>The table has these rows and no others, whatever it had before, and a snapshot of it shows them.</summary>
    /// <typeparam name="TRow">The row record.</typeparam>
    /// <param name="rows">Its rows.</param>
    public Scenario Snapshot<TRow>(params TRow[] rows)
        where TRow : class, IRow<TRow>
    {
        Mark();
        Monolith.Become(TRow.Definition, rows.Select(RowJson.Of));
        Show([TRow.Definition.Table]);
        return this;
    }

    /// <summary>The source reads its whole log again from the beginning, as after a crash that lost its position.</summary>
    public Scenario ReadAgain()
    {
        Mark();
        foreach (var transaction in Binlog.Log.ToList())
        {
            Wait(Binlog.WriteAsync(transaction, CancellationToken.None));
        }
        Settle();
        return this;
    }

    /// <summary>Settings have these values from here on.</summary>
    /// <param name="settings">Values; records of other types stay as they are.</param>
    public Scenario Settings(params object[] settings)
    {
        foreach (var value in settings)
        {
            _settings[value.GetType()] = value;
        }
        Mark();
        Wait(new LogHeads(_runtime.Application, _engine, _clock).WriteAsync(_settings, CancellationToken.None));
        Settle();
        return this;
    }

    /// <summary>Time passes.</summary>
    /// <param name="time">How much; not negative.</param>
    public Scenario After(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        return At(_clock.Now + time);
    }

    /// <summary>Time passes until then.</summary>
    /// <param name="time">When; not before now.</param>
    public Scenario At(DateTimeOffset time)
    {
        if (time < _clock.Now)
        {
            throw new ScenarioException($"It is {_clock.Now:O} already; time does not go back to {time:O}.");
        }
        Mark();
        // Through each time at which something is due, so that what follows from a timer happens at the timer's time.
        while (NextDue() is { } due && due <= time)
        {
            _clock.GoTo(due);
            Settle();
            if (NextDue() <= due)
            {
                break;
            }
        }
        _clock.GoTo(time);
        Settle();
        return this;
    }

    internal void Commit(RowOp[] rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (
            !_runtime.Captures[0].IsSnapshotOpen
            && _growth.TryDequeue(out var partitions)
            && partitions > _runtime.Application.Map.Partitions
        )
        {
            Grow(partitions);
        }
        var changes = rows.SelectMany(Monolith.Do).ToList();
        foreach (var row in rows)
        {
            MoveTo(row);
        }
        Wait(Binlog.WriteAsync(changes, Now, CancellationToken.None));
        Settle();
    }

    internal void Show(IEnumerable<string> tables)
    {
        foreach (var table in tables)
        {
            var snapshot = SnapshotBegan(table);
            SnapshotShows(table, snapshot);
            SnapshotEnded(table, snapshot);
        }
        AllSnapshotsEnded();
        Settle();
    }

    /// <summary>The parts of a snapshot one by one; nothing is handled until the next step.</summary>
    internal int SnapshotBegan(string table) => Wait(Binlog.SnapshotBeganAsync(table, Now, CancellationToken.None).AsTask());

    internal void SnapshotShows(string table, int snapshot, int chunk = 0) =>
        Wait(Binlog.ChunkAsync(table, snapshot, chunk, Monolith.Rows(table), Now, CancellationToken.None));

    internal void AllSnapshotsEnded() => Wait(Binlog.AllSnapshotsEndedAsync(Now, CancellationToken.None));

    internal void SnapshotEnded(string table, int snapshot) =>
        Wait(Binlog.SnapshotEndedAsync(table, snapshot, Now, CancellationToken.None));

    internal void Truncated(string table) => Wait(Binlog.TruncateAsync(table, Now, CancellationToken.None));

    /// <summary>Lets everything come to rest: what is in the logs is handled, time is known everywhere, commands that reactions sent are decided.</summary>
    internal void Settle()
    {
        try
        {
            do
            {
                _engine.Settle(Groups);
                TickTo(Now);
                // A second event of the same microsecond waits for a tick beyond it.
                while (NextDue() is { } due && Instants.Of(due) == _ticked + 1)
                {
                    TickTo(_ticked + 1);
                }
                Answer();
            } while (SendWhatReactionsSent());
        }
        catch (Exception failure) when (failure is not ScenarioException)
        {
            throw new ScenarioException($"The runtime failed: {failure.Message}", failure);
        }
    }

    private DateTimeOffset? NextDue()
    {
        var due = _runtime.Application.Topology.Reactions.Select(reaction => _runtime.DownstreamServices.Timers.Due(reaction.Name));
        return due.DefaultIfEmpty(TimerRegistry.Never).Min() is var first && first != TimerRegistry.Never ? Instants.Of(first) : null;
    }

    /// <summary>Intents are compared, not carried out; but a command to an entity is part of the chain.</summary>
    private bool SendWhatReactionsSent()
    {
        var sent = false;
        foreach (var reaction in _runtime.Application.Topology.Reactions)
        {
            foreach (var intent in Since(_runtime.Application.Intents(reaction), fromStart: true))
            {
                if (intent.Type == IntentCatalog.SendName && _sent.Add(intent[Header.Id]))
                {
                    Send(intent);
                    sent = true;
                }
            }
        }
        return sent;
    }

    private void Send(LogEntry intent)
    {
        var topology = _runtime.Application.Topology;
        var send = JsonSerializer.Deserialize(intent.Value, MillraceJson.Default.SendCommand)!;
        var aggregate = topology.Aggregates.Single(aggregate => aggregate.Name == send.Aggregate);
        var type = aggregate.CommandTypes.First(type =>
            Show(send.Command).Name is var name && CommandNames.Of(topology.JsonType(type)!).Contains(name)
        );
        // Nobody waits for the answer; the outcome is in the log.
        _ = _runtime.DownstreamServices.Send(
            aggregate,
            send.Id,
            send.Command.Deserialize(topology.JsonType(type)!)!,
            new SendOptions { IdempotencyKey = intent[Header.Id] },
            intent[Header.CorrelationId],
            CancellationToken.None
        );
    }

    /// <summary>The watermark of a source at its log's head is the clock.</summary>
    private void TickTo(long time)
    {
        _ticked = Math.Max(_ticked, time);
        var appender = _engine.OpenAppender("scenario.ticks");
        var transaction = appender.Begin();
        foreach (var aggregate in _runtime.Application.Topology.Aggregates)
        {
            var commands = _runtime.Application.Commands(aggregate);
            for (var partition = 0; partition < commands.Partitions; partition++)
            {
                transaction.Append(new TopicPartition(commands, partition), _ticked, default, ControlHeaders.Tick, default);
            }
        }
        Wait(appender.CommitAsync(transaction, durable: true, CancellationToken.None));
        _engine.Settle(Groups);
    }

    private void Answer()
    {
        foreach (var aggregate in _runtime.Application.Topology.Aggregates)
        {
            var events = _runtime.Application.Events(aggregate);
            for (var partition = 0; partition < events.Partitions; partition++)
            {
                using var outcomes = _engine.Read(new TopicPartition(_runtime.Application.Outcomes(aggregate), partition), 0);
                using var published = _engine.Read(new TopicPartition(events, partition), 0);
                _runtime.Sender.Answer(outcomes, published, partition);
            }
        }
    }

    /// <summary>The monolith's clock is at least at its latest business time.</summary>
    private void MoveTo(RowOp op)
    {
        if (
            op.Table.OccurredAt is { } column
            && Sources.BusinessTime.TryRead(JsonMembers.Find(op.Row, System.Text.Encoding.UTF8.GetBytes(column)), out var time)
        )
        {
            _clock.GoTo(Instants.Of(time));
        }
    }

    private static void Wait(Task task) => task.GetAwaiter().GetResult();

    private static void Wait(ValueTask task) => task.AsTask().GetAwaiter().GetResult();

    // The answer is there, but its continuation runs on another thread.
    private static T Wait<T>(Task<T> task) =>
        task.Wait(TimeSpan.FromSeconds(10)) ? task.Result : throw new ScenarioException("The command was not decided.");

    /// <summary>The name of the monolith; its changes are written by the scenario itself.</summary>
    private sealed class NoSource : Millrace.Sources.ISource
    {
        public string Name => "monolith";

        public Task RunAsync(Millrace.Sources.ICapture capture, CancellationToken cancellation) => Task.CompletedTask;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
