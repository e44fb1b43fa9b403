using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Runs the commands of one partition through this build's aggregate, as the live application's deciding loop would: the same processor, on a state of
/// its own.
/// </summary>
internal sealed class Replayer : IAsyncDisposable
{
    private readonly AggregateDefinition _aggregate;
    private readonly ScratchState _state;
    private readonly IProcessor _processor;
    private readonly HashSet<string> _commandTypes;
    private readonly DeciderCounters _counters = new();
    private readonly Func<ReadOnlySpan<byte>, bool>? _wants;
    private Record[] _wanted = [];
    private Progress _progress;

    public Replayer(
        AggregateDefinition aggregate,
        Application application,
        MillraceOptions options,
        Seals? seals,
        int partition,
        ScratchState state,
        Func<ReadOnlySpan<byte>, bool>? wants
    )
    {
        _aggregate = aggregate;
        _state = state;
        _wants = wants;
        Source = new TopicPartition(application.Commands(aggregate), partition);
        _processor = aggregate.CreateDecider(
            new DeciderSetup(application, options, NullLogger.Instance, TimeProvider.System, _ => _counters, seals),
            partition
        );
        _commandTypes = [.. aggregate.CommandTypes.SelectMany(type => CommandNames.Of(application.Topology.JsonType(type)!))];
    }

    /// <summary>The partition of the command log.</summary>
    public TopicPartition Source { get; }

    public DeciderCounters Counters => _counters;

    /// <summary>The state as it is after what was handled.</summary>
    public ScratchState State => _state;

    /// <summary>Loads what it keeps: before the first batch.</summary>
    public ValueTask BeginAsync(CancellationToken cancellation) => CallAsync(default, cancellation);

    /// <summary>Handles records, those that are wanted.</summary>
    /// <returns>How many it was.</returns>
    public async ValueTask<int> HandleAsync(ReadOnlyMemory<Record> records, CancellationToken cancellation)
    {
        var wanted = Wanted(records);
        if (wanted.Length > 0)
        {
            await CallAsync(wanted, cancellation).ConfigureAwait(false);
        }
        return wanted.Length;
    }

    /// <summary>Lets it do what it still has to do without more commands: sweeps go on in steps.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellation)
    {
        while (_progress.More)
        {
            await CallAsync(default, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Which records are handled: those of the entities that are wanted, and the runtime's own.</summary>
    public ReadOnlyMemory<Record> Wanted(ReadOnlyMemory<Record> records)
    {
        if (_wanted.Length < records.Length && (_wants is not null || _commandTypes.Count > 0))
        {
            _wanted = new Record[records.Length];
        }
        var count = 0;
        foreach (ref readonly var record in records.Span)
        {
            var kind = new RecordHeaders(record.Headers.Span).Kind;
            if (_wants is not null && kind != RecordKind.Control && !_wants(record.Key.Span))
            {
                continue;
            }
            if (kind == RecordKind.Message)
            {
                RequireKnown(record);
            }
            if (_wants is not null)
            {
                _wanted[count++] = record;
            }
        }
        return _wants is null ? records : _wanted.AsMemory(0, count);
    }

    public async ValueTask DisposeAsync()
    {
        await _processor.DisposeAsync().ConfigureAwait(false);
        _state.Dispose();
    }

    private async ValueTask CallAsync(ReadOnlyMemory<Record> records, CancellationToken cancellation)
    {
        _progress = await _processor.ProcessAsync(new RecordBatch(Source, records), _state, cancellation).ConfigureAwait(false);
        _state.Rest();
    }

    private void RequireKnown(in Record record)
    {
        var type = Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.Type]);
        if (!_commandTypes.Contains(type))
        {
            throw new ReplayException(
                $"The log {Source} has a command \"{type}\" at offset {record.Offset}, which the aggregate \"{_aggregate.Name}\" of this build does not know. Keep its type and its handler for as long as the log has such commands."
            );
        }
    }
}
