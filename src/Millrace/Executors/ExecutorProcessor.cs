using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Carries out one partition of a reaction's intents: each at least once, in order per key, many keys at a time. What came is first kept in the
/// state, so that the log moves on while an executor works; an intent leaves the state when it is done, parked or skipped.
/// </summary>
internal sealed class ExecutorProcessor : IProcessor
{
    private const int MostAtOnce = 16;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookForResults = TimeSpan.FromMilliseconds(5);

    private readonly Reaction _reaction;
    private readonly string _group;
    private readonly int _partition;
    private readonly DownstreamServices _services;
    private readonly IntentCatalog _catalog;
    private readonly ExecutorCounters _counters;
    private readonly Loop _loop;

    private readonly IntentQueue _queue = new();
    private readonly List<QueuedIntent> _fresh = [];
    private readonly ConcurrentQueue<(QueuedIntent Intent, Exception? Failure)> _results = new();
    private readonly Dictionary<long, Task> _running = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly KeyBuffer _key = new();
    private readonly KeyBuffer _value = new();
    private bool _loaded;
    private int _parked;

    public ExecutorProcessor(Reaction reaction, Application application, DownstreamServices services, int partition)
    {
        _reaction = reaction;
        _group = application.ExecutorGroup(reaction);
        _partition = partition;
        _services = services;
        _catalog = new IntentCatalog(application.Topology);
        _counters = services.Counters.Executor(reaction, application.Partitions);
        _loop = services.Loops.Of(_group, partition);
    }

    private long Now => Instants.Of(_services.Time.GetUtcNow());

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        if (!_loaded)
        {
            foreach (var (sequence, state) in IntentState.List(transaction, IntentState.Pending))
            {
                _queue.Add(new(Encoding.UTF8.GetString(state.Record.Key.Span), sequence, state.NotBefore));
            }
            _parked = IntentState.List(transaction, IntentState.Parked).Count();
            _loaded = true;
        }
        while (_results.TryDequeue(out var result))
        {
            Settle(transaction, result.Intent, result.Failure);
        }
        foreach (ref readonly var record in batch.Records.Span)
        {
            var headers = new EventHeaders(record.Headers.Span);
            if (headers.IsControl)
            {
                if (_parked > 0 && Deed.TryRead(headers.Type, record.Value.Span, _reaction.Name, out var deed))
                {
                    Operate(transaction, Encoding.UTF8.GetString(record.Key.Span), deed);
                }
                continue;
            }
            new IntentState(0, 0, "", Incoming.Of(record, 0, 0)).Write(_value);
            transaction.Put(IntentState.Key(_key, IntentState.Pending, record.Offset), _value);
            _fresh.Add(new(Encoding.UTF8.GetString(record.Key.Span), record.Offset, 0));
        }
        Start();
        Publish();
        return new(_loop.Beat(false, Wake()));
    }

    // What came in this call is in the committed state only now.
    public void Committed()
    {
        foreach (var intent in _fresh)
        {
            _queue.Add(intent);
        }
        _fresh.Clear();
        Start();
        Publish();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await Task.WhenAll(_running.Values).WaitAsync(LongestGoodbye, _services.Time);
        }
        catch (TimeoutException)
        {
            // Whoever takes over tries these again with the same id, as after a crash.
            DownstreamLog.StillAtIt(_services.Logger, _reaction.Name, _running.Values.Count(one => !one.IsCompleted), LongestGoodbye);
            return;
        }
        _stop.Dispose();
    }

    private TimeSpan? Wake()
    {
        if (_running.Count > 0 || _fresh.Count > 0)
        {
            return LookForResults;
        }
        return _queue.Next is { } next ? TimeSpan.FromMicroseconds(Math.Max(0, next - Now)) : null;
    }

    private void Publish()
    {
        _counters.Pending[_partition] = _queue.Count + _fresh.Count;
        _counters.Parked[_partition] = _parked;
    }

    // ---- carrying out

    private void Start()
    {
        while (_running.Count < MostAtOnce && _queue.TryTake(Now, out var intent))
        {
            var taken = intent;
            _running.Add(taken.Sequence, Task.Run(() => CarryOutAsync(taken), CancellationToken.None));
        }
    }

    /// <summary>Tries one intent and leaves the result for the next call; it throws nothing.</summary>
    private async Task CarryOutAsync(QueuedIntent queued)
    {
        Exception? failure = null;
        try
        {
            if (TryOpen(Find(queued.Sequence), out var intent))
            {
                await ExecuteAsync(intent, _stop.Token);
            }
        }
        catch (Exception e)
        {
            failure = e;
        }
        _results.Enqueue((queued, failure));
    }

    private IntentState Find(long sequence)
    {
        var found = _services
            .Engine.OpenState(_group, _partition)
            .TryGet(IntentState.Key(new KeyBuffer(), IntentState.Pending, sequence), out var bytes);
        return found
            ? IntentState.Read(bytes.ToArray())
            : throw new EngineException($"Intent {sequence} of {_group}[{_partition}] is not in the committed state.");
    }

    /// <summary>Intents are kept as they came, so that one of an erased entity is nothing any more.</summary>
    private bool TryOpen(in IntentState state, out IntentRecord intent)
    {
        intent = state.ToIntent();
        if (!_reaction.Aggregate.IsPersonal || _services.Seals is not { } seals)
        {
            return true;
        }
        var record = state.Record;
        var found = seals.TryRead(_reaction.Name, new Record(0, record.Time, record.Key, record.Headers, record.Value), out var value);
        intent = intent with { Value = value };
        if (!found)
        {
            DownstreamLog.IntentErased(_services.Logger, _reaction.Name, intent.Id);
        }
        return found;
    }

    private async Task ExecuteAsync(IntentRecord intent, CancellationToken cancellation)
    {
        using var span = Telemetry.StartIntent(intent.Type, intent.Reaction, intent.CorrelationId, intent.Id);
        if (intent.Type == IntentCatalog.SendName)
        {
            await SendAsync(intent, cancellation);
            return;
        }
        var kind =
            _catalog.Find(intent.Type)
            ?? throw new NoExecutorException(
                $"The topology names no intent \"{intent.Type}\": add it with Topology.Intent again and retry, or skip it."
            );
        await using var scope = _services.Provider.CreateAsyncScope();
        await kind.ExecuteAsync(scope.ServiceProvider, intent, cancellation);
    }

    private async Task SendAsync(IntentRecord intent, CancellationToken cancellation)
    {
        var send = JsonSerializer.Deserialize(intent.Value.Span, MillraceJson.Default.SendCommand)!;
        var (aggregate, command) = _catalog.ReadCommand(send);
        var rejected = await _services.Send(
            aggregate,
            send.Id,
            command,
            new SendOptions { IdempotencyKey = intent.Id },
            intent.CorrelationId,
            cancellation
        );
        if (rejected is not null)
        {
            DownstreamLog.CommandRejected(_services.Logger, _reaction.Name, send.Aggregate, send.Id, rejected);
        }
    }

    // ---- what became of it

    private void Settle(ITransaction transaction, QueuedIntent intent, Exception? failure)
    {
        _running.Remove(intent.Sequence);
        var place = IntentState.Key(_key, IntentState.Pending, intent.Sequence);
        if (failure is null)
        {
            transaction.Delete(place);
            _queue.Done(intent.Key);
            _counters.AddDone();
            return;
        }
        if (_stop.IsCancellationRequested)
        {
            return;
        }
        _counters.AddFailed();
        transaction.TryGet(place, out var bytes);
        var state = IntentState.Read(bytes.ToArray());
        state = state with { Tries = state.Tries + 1, Reason = $"{failure.GetType().Name}: {failure.Message}" };
        if (state.Tries < _services.Options.IntentTries && failure is not NoExecutorException)
        {
            var pause = FirstPause * Math.Pow(2, Math.Min(state.Tries - 1, 30));
            state = state with { NotBefore = Now + ((pause < LongestPause ? pause : LongestPause).Ticks / TimeSpan.TicksPerMicrosecond) };
            state.Write(_value);
            transaction.Put(place, _value);
            _queue.Again(intent.Key, state.NotBefore);
            return;
        }
        Move(transaction, intent.Sequence, IntentState.Pending, IntentState.Parked, state);
        _queue.Done(intent.Key);
        _parked++;
        DownstreamLog.IntentParked(_services.Logger, _reaction.Name, state.ToIntent().Id, state.Tries, failure);
    }

    private void Operate(ITransaction transaction, string id, in Deed deed)
    {
        var found = IntentState.List(transaction, IntentState.Parked).Where(parked => parked.State.ToIntent().Id == id).ToList();
        foreach (var (sequence, state) in found)
        {
            _parked--;
            DownstreamLog.Operated(_services.Logger, _reaction.Name, state.Record.Key.Span, deed);
            if (deed.Skips)
            {
                Move(transaction, sequence, IntentState.Parked, IntentState.Skipped, state with { Reason = deed.Record.Reason });
                continue;
            }
            Move(transaction, sequence, IntentState.Parked, IntentState.Pending, state with { Tries = 0, NotBefore = 0 });
            _fresh.Add(new(Encoding.UTF8.GetString(state.Record.Key.Span), sequence, 0));
        }
    }

    private void Move(ITransaction transaction, long sequence, byte from, byte to, in IntentState state)
    {
        transaction.Delete(IntentState.Key(_key, from, sequence));
        state.Write(_value);
        transaction.Put(IntentState.Key(_key, to, sequence), _value);
    }
}
