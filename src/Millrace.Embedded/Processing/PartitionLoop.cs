using System.Diagnostics;
using Millrace.Embedded.Logs;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded.Processing;

/// <summary>
/// One partition of a running group, on a thread of its own: a commit waits in RocksDB for disk and memory, which must not hold up
/// the thread pool that serves everything else.
/// </summary>
internal sealed class PartitionLoop
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestBackoffWhenFull = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Forever = Timeout.InfiniteTimeSpan;

    private readonly ProcessorGroup _group;
    private readonly int _partition;
    private readonly RocksStore _store;
    private readonly Committer _committer;
    private readonly Syncer _syncer;
    private readonly EmbeddedTransaction _transaction;
    private readonly Input[] _inputs;
    private readonly LoopSignal _signal = new();
    private readonly CancellationToken _cancellation;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _durable;
    private byte[] _delta = new byte[4096];
    private TimeSpan _backoff = FirstBackoff;
    private int _turn;

    private sealed record Input(TopicPartition Source, PartitionLog Log, Catalog.InputPosition Position)
    {
        public LogReader? Reader { get; set; }
    }

    public PartitionLoop(
        ProcessorGroup group,
        int partition,
        RocksStore store,
        Catalog catalog,
        Committer committer,
        Syncer syncer,
        CancellationToken cancellation
    )
    {
        _group = group;
        _partition = partition;
        _store = store;
        _committer = committer;
        _syncer = syncer;
        _cancellation = cancellation;
        _durable = group.DurableInput || syncer.EveryCommit;
        _transaction = new EmbeddedTransaction(store, catalog, catalog.Table(group.Name, partition), keepViews: true);
        _inputs =
        [
            .. group.Inputs.Select(topic =>
            {
                var source = new TopicPartition(topic, partition);
                return new Input(source, catalog.Log(source), catalog.Position(group.Name, source));
            }),
        ];
    }

    /// <summary>Starts it.</summary>
    /// <returns>Completes when its processor is disposed and its thread has ended.</returns>
    public Task Start()
    {
        new Thread(Run) { IsBackground = true, Name = $"millrace {_group.Name}[{_partition}]" }.Start();
        return _ended.Task;
    }

    private void Run()
    {
        using var stop = _cancellation.UnsafeRegister(static s => ((LoopSignal)s!).Wake(), _signal);
        try
        {
            foreach (var input in _inputs)
            {
                input.Log.Subscribe(_signal, _durable);
            }
            while (!_cancellation.IsCancellationRequested)
            {
                RunProcessor();
            }
            _ended.SetResult();
        }
        catch (Exception e)
        {
            // Only what Faulted or DisposeAsync threw comes here; whoever awaits the group is told.
            _ended.SetException(e);
        }
        finally
        {
            foreach (var input in _inputs)
            {
                input.Log.Unsubscribe(_signal, _durable);
            }
        }
    }

    private void RunProcessor()
    {
        IProcessor? processor = null;
        try
        {
            processor = _group.Create(_partition);
            foreach (var input in _inputs)
            {
                input.Reader = new LogReader(_store, input.Source, input.Log, input.Position.Committed, _durable);
            }
            Process(processor);
        }
        catch (OperationCanceledException) when (_cancellation.IsCancellationRequested)
        {
            // The group is being stopped; what was not committed is dropped.
        }
        catch (Exception e)
        {
            _group.Faulted(_partition, e);
            Pause();
        }
        finally
        {
            _transaction.Clear();
            _transaction.Rest();
            foreach (var input in _inputs)
            {
                input.Reader?.Dispose();
                input.Reader = null;
            }
            if (processor is not null)
            {
                Await(processor.DisposeAsync());
            }
        }
    }

    private void Process(IProcessor processor)
    {
        var progress = Call(processor, new RecordBatch(_inputs[0].Source, default), null);
        var called = Stopwatch.GetTimestamp();
        while (!_cancellation.IsCancellationRequested)
        {
            _signal.Reset();
            if (TryRead(out var batch, out var input))
            {
                progress = Call(processor, batch, input);
                _backoff = FirstBackoff;
            }
            else
            {
                var wait = progress switch
                {
                    { More: true } => TimeSpan.Zero,
                    { WakeAfter: { } after } => after - Stopwatch.GetElapsedTime(called),
                    _ => Forever,
                };
                if (wait > TimeSpan.Zero || wait == Forever)
                {
                    _transaction.Rest();
                    _signal.Wait(wait);
                    continue;
                }
                progress = Call(processor, new RecordBatch(_inputs[0].Source, default), null);
            }
            called = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Inputs take turns, so that a busy one does not starve the others.</summary>
    private bool TryRead(out RecordBatch batch, out Input? input)
    {
        for (var i = 0; i < _inputs.Length; i++)
        {
            input = _inputs[(_turn + i) % _inputs.Length];
            if (input.Reader!.TryRead(_group.MaxBatch, out batch))
            {
                _turn = (_turn + i + 1) % _inputs.Length;
                return true;
            }
        }
        batch = default;
        input = null;
        return false;
    }

    private Progress Call(IProcessor processor, RecordBatch batch, Input? input)
    {
        var call = processor.ProcessAsync(batch, _transaction, _cancellation);
        var progress = call.IsCompletedSuccessfully ? call.Result : call.AsTask().GetAwaiter().GetResult();
        if (input is not null || _transaction.HasWrites)
        {
            var offset = input is null ? 0 : batch.Records.Span[^1].Offset + 1;
            var commit = _committer.Commit(_transaction, ref _delta, input?.Position, offset);
            if (_syncer.EveryCommit)
            {
                Await(_syncer.WaitAsync(commit, CancellationToken.None));
            }
            processor.Committed();
        }
        return progress;
    }

    private void Pause()
    {
        var until = Stopwatch.GetTimestamp();
        while (!_cancellation.IsCancellationRequested && _backoff - Stopwatch.GetElapsedTime(until) is { Ticks: > 0 } left)
        {
            _signal.Reset();
            if (!_cancellation.IsCancellationRequested)
            {
                _signal.Wait(left);
            }
        }
        // What mends a full disk is seen at the next try alone, and a try costs little then.
        var longest = _committer.DiskIsFull ? LongestBackoffWhenFull : LongestBackoff;
        _backoff = _backoff * 2 < longest ? _backoff * 2 : longest;
    }

    private static void Await(ValueTask task)
    {
        if (!task.IsCompletedSuccessfully)
        {
            task.AsTask().GetAwaiter().GetResult();
        }
    }
}
