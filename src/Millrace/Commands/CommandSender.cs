using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Appends native commands to the command log and answers from the outcome log: what a client is told is what was recorded, and only once it
/// would survive a power cut.
/// </summary>
internal sealed class CommandSender : ICommands, IAsyncDisposable
{
    private readonly Application _application;
    private readonly IEngine _engine;
    private readonly TimeProvider _clock;
    private readonly IAppender _appender;
    private readonly Seals? _seals;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<(OutcomeRecord Outcome, LogPosition Position)>> _waiting = new();
    private readonly ConcurrentDictionary<TopicPartition, long> _answered = new();

    public CommandSender(Application application, IEngine engine, TimeProvider clock, Seals? seals)
    {
        _application = application;
        _engine = engine;
        _clock = clock;
        _seals = seals;
        _appender = engine.OpenAppender($"{application.Topology.Name}.commands");
    }

    public async Task<Decided<TEvent>> Send<TEvent>(
        EntityId id,
        ICommand<TEvent> command,
        SendOptions options,
        CancellationToken cancellation
    )
        where TEvent : class
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentNullException.ThrowIfNull(options);
        var aggregate =
            _application.Topology.Aggregates.FirstOrDefault(candidate => candidate.EventType == typeof(TEvent)) ?? throw NoTaker(command);
        var (outcome, position) = await Send(aggregate, id, command, options, null, cancellation).ConfigureAwait(false);
        return new Decided<TEvent>(outcome.Rejected, outcome.Events, outcome.Sequence, position);
    }

    /// <summary>Sends a command that a reaction wants; returns why it was rejected, or null.</summary>
    public async Task<string?> SendAsync(
        AggregateDefinition aggregate,
        EntityId id,
        object command,
        SendOptions options,
        string correlationId,
        CancellationToken cancellation
    ) => (await Send(aggregate, id, command, options, correlationId, cancellation).ConfigureAwait(false)).Outcome.Rejected;

    private async Task<(OutcomeRecord Outcome, LogPosition Position)> Send(
        AggregateDefinition aggregate,
        EntityId id,
        object command,
        SendOptions options,
        string? correlation,
        CancellationToken cancellation
    )
    {
        // The same key names the same command wherever it is sent from.
        var commandId = $"{aggregate.Name}/{id}/{options.IdempotencyKey ?? Guid.NewGuid().ToString("N")}";
        using var span = Telemetry.StartCommand(command.GetType().Name, aggregate.Name, correlation ?? commandId);
        var waiter = _waiting.GetOrAdd(
            commandId,
            _ => new TaskCompletionSource<(OutcomeRecord, LogPosition)>(TaskCreationOptions.RunContinuationsAsynchronously)
        );
        try
        {
            if (aggregate.IsPersonal)
            {
                await AppendClosed().ConfigureAwait(false);
            }
            else
            {
                var transaction = _appender.Begin();
                Write(transaction, aggregate, id, command, options, commandId, correlation, null);
                await _appender.CommitAsync(transaction, durable: false, cancellation).ConfigureAwait(false);
            }
            return await waiter.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            _waiting.TryRemove(commandId, out _);
        }

        async Task AppendClosed()
        {
            bool committed;
            do
            {
                var drops = _seals!.Drops;
                using var seal = _seals.For(aggregate);
                var transaction = _appender.Begin();
                Write(transaction, aggregate, id, command, options, commandId, correlation, seal);
                // Where an entity was erased meanwhile it may be this one: it is written again with the key of now.
                committed = await _seals.TryCommitAsync(drops, _appender, transaction, cancellation).ConfigureAwait(false);
            } while (!committed);
        }
    }

    /// <summary>Reads one partition of an outcome log and answers who waits. Runs until cancelled; where it failed it goes on when called again.</summary>
    public async Task AnswerAsync(AggregateDefinition aggregate, int partition, CancellationToken cancellation)
    {
        var log = new TopicPartition(_application.Outcomes(aggregate), partition);
        if (!_answered.TryGetValue(log, out var next))
        {
            using var probe = _engine.Read(log, 0);
            _answered[log] = next = probe.End;
        }
        using var reader = _engine.Read(log, next, durableOnly: true);
        using var events = _engine.Read(new TopicPartition(_application.Events(aggregate), partition), 0);
        while (!cancellation.IsCancellationRequested)
        {
            Answer(reader, events, partition);
            await reader.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Answers from what is in the log now.</summary>
    public void Answer(ILogReader outcomes, ILogReader events, int partition)
    {
        while (outcomes.TryRead(1024, out var batch))
        {
            foreach (ref readonly var record in batch.Records.Span)
            {
                var id = Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.Id]);
                if (_waiting.TryGetValue(id, out var waiter))
                {
                    var outcome = Outcome(batch.Source.Topic.Name, record);
                    // The outcome and its events are one commit, so the event log's end is past them.
                    waiter.TrySetResult((outcome, new LogPosition(EventsOf(batch.Source.Topic.Name), partition, events.End)));
                }
            }
            _answered[batch.Source] = batch.Records.Span[^1].Offset + 1;
        }
    }

    private OutcomeRecord Outcome(string log, in Record record)
    {
        var value = record.Value;
        return _seals is null || _seals.TryRead(AggregateOf(log).Name, record, out value)
            ? JsonSerializer.Deserialize(value.Span, MillraceJson.Default.OutcomeRecord)!
            : new OutcomeRecord($"{Encoding.UTF8.GetString(record.Key.Span)} was erased meanwhile.", 0, 0);
    }

    public ValueTask DisposeAsync() => _appender.DisposeAsync();

    private string EventsOf(string outcomes) => _application.Events(AggregateOf(outcomes)).Name;

    private AggregateDefinition AggregateOf(string outcomes) =>
        _application.Topology.Aggregates.Single(aggregate => _application.Outcomes(aggregate).Name == outcomes);

    private void Write(
        ITransaction transaction,
        AggregateDefinition aggregate,
        EntityId id,
        object command,
        SendOptions options,
        string commandId,
        string? correlation,
        EntitySeal? seal
    )
    {
        var json = new ArrayBufferWriter<byte>();
        if (!aggregate.WriteCommand(_application.Topology, command, json))
        {
            throw NoTaker(command);
        }
        var headers = new ArrayBufferWriter<byte>();
        RecordHeaders.Write(headers, Header.Id, Encoding.UTF8.GetBytes(commandId));
        RecordHeaders.Write(headers, Header.Type, Encoding.UTF8.GetBytes(Discriminator(json.WrittenSpan)));
        RecordHeaders.Write(headers, Header.CorrelationId, Encoding.UTF8.GetBytes(correlation ?? commandId));
        if (options.IdempotencyKey is { } key)
        {
            RecordHeaders.Write(headers, Header.IdempotencyKey, Encoding.UTF8.GetBytes(key));
        }
        if (options.ExpectedSequence is { } expected)
        {
            RecordHeaders.Write(headers, Header.ExpectedSequence, Encoding.UTF8.GetBytes(expected.ToString(CultureInfo.InvariantCulture)));
        }
        var entity = Encoding.UTF8.GetBytes(id.Value);
        var value = seal is null ? json.WrittenSpan : seal.CloseNew(entity, Encoding.UTF8.GetBytes(commandId), json.WrittenSpan);
        var topic = _application.Commands(aggregate);
        var target = new TopicPartition(topic, _application.Map.PartitionOf(entity));
        transaction.Append(target, Instants.Of(_clock.GetUtcNow()), entity, headers.WrittenSpan, value);
    }

    /// <summary>The durable name is the discriminator that the serializer wrote, whatever the property is called.</summary>
    private static string Discriminator(ReadOnlySpan<byte> json)
    {
        var members = new JsonMembers(json);
        return members.MoveNext()
            ? Encoding.UTF8.GetString(members.Value[1..^1])
            : throw new JsonException("The command has no discriminator.");
    }

    private InvalidOperationException NoTaker(object command) =>
        new(
            $"No aggregate of \"{_application.Topology.Name}\" takes {command.GetType().Name}: add .OnCommand<…>(…) for it, and the aggregate to the topology."
        );
}
