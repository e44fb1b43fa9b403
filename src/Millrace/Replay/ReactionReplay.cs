using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Runs the reactions over the events of a replay, with the same processors, and compares the intents by their keys with the recorded ones. Nothing is
/// carried out.
/// </summary>
internal sealed class ReactionReplay : IDisposable
{
    private const int Batch = 8192;

    private readonly ReplayRun _run;
    private readonly ReplaySelection _selection;
    private readonly IReadOnlyDictionary<Type, object> _settings;
    private readonly DownstreamServices _services;
    private readonly Dictionary<Reaction, RecordSpool[]> _feeds = [];
    private readonly HashSet<Type> _unrecorded = [];

    /// <summary>Begins with the reactions that are compared.</summary>
    /// <param name="run">The replay.</param>
    /// <param name="selection">What is compared.</param>
    /// <param name="settings">The settings as they are configured now, for those that the log has none of.</param>
    /// <param name="notes">Told what is left out, and why.</param>
    public ReactionReplay(ReplayRun run, ReplaySelection selection, IReadOnlyDictionary<Type, object> settings, Action<string> notes)
    {
        _run = run;
        _selection = selection;
        _settings = settings;
        _services = new DownstreamServices
        {
            Engine = run.Engine,
            Provider = NoServices.Instance,
            Options = run.Options,
            Logger = NullLogger.Instance,
            Faulted = static (_, _, _) => { },
            Send = static (_, _, _, _, _, _) => throw new InvalidOperationException("A replay sends no command."),
            Seals = run.Seals,
        };
        foreach (var gone in run.Recorded.Reactions.Where(known => run.Application.Topology.Reactions.All(r => r.Name != known.Name)))
        {
            notes($"The reaction \"{gone.Name}\" is gone; what it wanted is not compared.");
        }
        foreach (var reaction in run.Application.Topology.Reactions)
        {
            if (selection.SinceCode)
            {
                notes(
                    $"What the reaction \"{reaction.Name}\" wanted is not compared since a change of code: its log does not say where that was."
                );
            }
            else if (reaction.KeyedByType is not null && (selection.Entities.Count > 0 || selection.Sample > 0 || !run.IsWhole))
            {
                notes(
                    $"The reaction \"{reaction.Name}\" has keys of its own, and some of the entities say nothing of those; it is not compared."
                );
            }
            else if (run.Aggregates.Any(aggregate => aggregate.Name == reaction.Aggregate.Name))
            {
                Add(reaction, notes);
            }
        }
    }

    /// <summary>The reactions of an aggregate that are compared.</summary>
    public IEnumerable<Reaction> Of(AggregateDefinition aggregate) =>
        _compared.Where(reaction => reaction.Aggregate.Name == aggregate.Name);

    private readonly List<Reaction> _compared = [];

    /// <summary>What stands below one partition of an aggregate's events.</summary>
    public ReactionLane Lane(AggregateDefinition aggregate, int partition, Func<ReadOnlySpan<byte>, bool>? wants, ReplayTally tally) =>
        new(this, aggregate, partition, wants, tally);

    /// <summary>Runs the reactions with keys of their own, when every partition of the events was replayed.</summary>
    public async Task FinishAsync(ReplayTally tally, CancellationToken cancellation)
    {
        foreach (var (reaction, feeds) in _feeds)
        {
            for (var partition = 0; partition < feeds.Length; partition++)
            {
                await using var stage = Stage(reaction, partition, null, tally);
                var buffer = new RecordBuffer();
                feeds[partition].Rewind();
                while (feeds[partition].Read(buffer, Batch))
                {
                    await stage.HandleAsync(buffer.Take(), cancellation).ConfigureAwait(false);
                }
                stage.Complete();
            }
        }
    }

    public void Dispose()
    {
        foreach (var spool in _feeds.Values.SelectMany(feeds => feeds))
        {
            spool.Dispose();
        }
    }

    internal ReplayedStage Stage(Reaction reaction, int partition, Func<ReadOnlySpan<byte>, bool>? wants, ReplayTally tally)
    {
        var source = new TopicPartition(_run.Application.Intents(reaction), partition);
        var comparison = new LogComparison(
            IsNew(reaction) ? RecordedCursor.Empty : new RecordedCursor(_run.Engine, source),
            ComparedLog.Intents,
            reaction.Name,
            partition,
            _selection,
            0,
            wants,
            tally
        )
        {
            IsPending = NotYetHandled(reaction, partition).Contains,
        };
        var input = reaction.KeyedByType is null ? _run.Application.Events(reaction.Aggregate) : _run.Application.Feed(reaction);
        return new ReplayedStage(
            new ReactionProcessor(reaction, _run.Application, _services, partition),
            _run.Scratch(),
            new TopicPartition(input, partition),
            comparison
        );
    }

    internal ReplayedStage Router(Reaction reaction, int partition)
    {
        var scratch = _run.Scratch();
        var feeds = _feeds[reaction];
        scratch.Appended = (target, time, key, headers, value) => feeds[target.Partition].Add(time, key, headers, value);
        return new ReplayedStage(
            reaction.CreateRouter(_run.Application, _services, partition),
            scratch,
            new TopicPartition(_run.Application.Events(reaction.Aggregate), partition),
            null
        );
    }

    /// <summary>Settings that no log has, as they are configured now: of a reaction that is new.</summary>
    internal void AddSettings(AggregateDefinition aggregate, RecordBuffer events)
    {
        foreach (var type in Of(aggregate).Select(reaction => reaction.SettingsType).OfType<Type>().Distinct().Where(_unrecorded.Contains))
        {
            var json = JsonSerializer.SerializeToElement(_settings[type], _run.Application.Topology.JsonType(type)!);
            var body = JsonSerializer.SerializeToUtf8Bytes(new SettingsRecord(type.Name, json), MillraceJson.Default.SettingsRecord);
            events.Add(0, [], LogHeads.Headers(Controls.Settings, $"settings-{type.Name}"), body);
        }
    }

    private void Add(Reaction reaction, Action<string> notes)
    {
        if (
            reaction.SettingsType is { } type
            && !_run
                .Engine.OpenState($"{_run.Application.Topology.Name}.heads", 0)
                .TryGet(Encoding.UTF8.GetBytes($"settings/{type.Name}"), out _)
            && _run.IsWhole
        )
        {
            if (!_settings.ContainsKey(type))
            {
                notes(
                    $"The reaction \"{reaction.Name}\" reads the settings {type.Name}, which neither the logs nor the configuration have; it is not compared."
                );
                return;
            }
            _unrecorded.Add(type);
        }
        if (IsNew(reaction))
        {
            notes($"The reaction \"{reaction.Name}\" is new: all that it wants is only after.");
        }
        _compared.Add(reaction);
        if (reaction.KeyedByType is not null)
        {
            _feeds[reaction] = [.. Enumerable.Range(0, _run.Application.Partitions).Select(_ => new RecordSpool())];
        }
    }

    private bool IsNew(Reaction reaction) => _run.Recorded.Reactions.All(known => known.Name != reaction.Name);

    /// <summary>The events that the live application's reaction has not come to yet.</summary>
    private HashSet<string> NotYetHandled(Reaction reaction, int partition)
    {
        var pending = new HashSet<string>(StringComparer.Ordinal);
        if (reaction.KeyedByType is not null || IsNew(reaction) || !_run.IsWhole)
        {
            return pending;
        }
        var source = new TopicPartition(_run.Application.Events(reaction.Aggregate), partition);
        using var reader = _run.Engine.Read(source, _run.Engine.CommittedOffset(_run.Application.ReactionGroup(reaction), source));
        var end = reader.End;
        for (long next = 0; next < end && reader.TryRead(Batch, out var batch); )
        {
            foreach (ref readonly var record in batch.Records.Span)
            {
                pending.Add(Encoding.UTF8.GetString(new RecordNames(record.Headers.Span).Id));
                next = record.Offset + 1;
            }
        }
        return pending;
    }

    private sealed class NoServices : IServiceProvider
    {
        public static readonly NoServices Instance = new();

        public object? GetService(Type serviceType) => null;
    }
}

/// <summary>A processor below the event log, on a state of its own.</summary>
internal sealed class ReplayedStage : IAsyncDisposable
{
    private readonly IProcessor _processor;
    private readonly ScratchState _state;
    private readonly TopicPartition _source;
    private readonly LogComparison? _comparison;

    public ReplayedStage(IProcessor processor, ScratchState state, TopicPartition source, LogComparison? comparison)
    {
        _processor = processor;
        _state = state;
        _source = source;
        _comparison = comparison;
        if (comparison is not null)
        {
            state.Appended = (_, time, key, headers, value) => comparison.Append(time, key, headers, value);
        }
    }

    public async ValueTask HandleAsync(ReadOnlyMemory<Record> records, CancellationToken cancellation)
    {
        var progress = await _processor.ProcessAsync(new RecordBatch(_source, records), _state, cancellation).ConfigureAwait(false);
        _processor.Committed();
        _state.Rest();
        while (progress.More)
        {
            progress = await _processor.ProcessAsync(new RecordBatch(_source, default), _state, cancellation).ConfigureAwait(false);
            _processor.Committed();
            _state.Rest();
        }
    }

    /// <summary>What has no partner now never gets one.</summary>
    public void Complete() => _comparison?.Complete();

    public async ValueTask DisposeAsync()
    {
        await _processor.DisposeAsync().ConfigureAwait(false);
        _state.Dispose();
        _comparison?.Dispose();
    }
}

/// <summary>What stands below one partition of an aggregate's events: its reactions per entity, and the routers to the others.</summary>
internal sealed class ReactionLane : IAsyncDisposable
{
    private readonly RecordBuffer _events = new();
    private readonly List<ReplayedStage> _stages = [];

    public ReactionLane(
        ReactionReplay replay,
        AggregateDefinition aggregate,
        int partition,
        Func<ReadOnlySpan<byte>, bool>? wants,
        ReplayTally tally
    )
    {
        foreach (var reaction in replay.Of(aggregate))
        {
            _stages.Add(
                reaction.KeyedByType is null ? replay.Stage(reaction, partition, wants, tally) : replay.Router(reaction, partition)
            );
        }
        if (_stages.Count > 0)
        {
            replay.AddSettings(aggregate, _events);
        }
    }

    /// <summary>An event, or a control that travels.</summary>
    public void Add(long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        if (_stages.Count > 0)
        {
            _events.Add(time, key, headers, value);
        }
    }

    /// <summary>Hands on what was added.</summary>
    public async ValueTask HandOnAsync(CancellationToken cancellation)
    {
        if (_events.Count == 0)
        {
            return;
        }
        var records = _events.Take();
        foreach (var stage in _stages)
        {
            await stage.HandleAsync(records, cancellation).ConfigureAwait(false);
        }
    }

    public void Complete() => _stages.ForEach(static stage => stage.Complete());

    public async ValueTask DisposeAsync()
    {
        foreach (var stage in _stages)
        {
            await stage.DisposeAsync().ConfigureAwait(false);
        }
    }
}
