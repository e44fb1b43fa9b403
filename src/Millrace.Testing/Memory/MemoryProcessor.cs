using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>One partition of a running group: takes a batch, calls the processor, commits.</summary>
internal sealed class MemoryProcessor(MemoryStore store, TimeProvider time, ProcessorGroup group, int partition) : IAsyncDisposable
{
    private IProcessor? _processor;
    private Progress _progress;
    private long _calledAt;
    private int _nextInput;

    /// <summary>How long until it wants to be called without input; null when it waits for input alone.</summary>
    public TimeSpan? UntilWake =>
        _processor is null || _progress.More ? TimeSpan.Zero
        : _progress.WakeAfter is { } after ? Max(TimeSpan.Zero, after - time.GetElapsedTime(_calledAt))
        : null;

    /// <summary>Whether the last step took in new records.</summary>
    public bool Advanced { get; private set; }

    /// <summary>Does one call, if there is anything to call it for.</summary>
    /// <returns>Whether there was.</returns>
    public async ValueTask<bool> StepAsync(CancellationToken cancellation)
    {
        Advanced = false;
        var first = _processor is null;
        _processor ??= group.Create(partition);
        var source = new TopicPartition(group.Inputs[0], partition);
        Record[] records = [];
        // Inputs take turns, so that a busy one does not starve the others.
        for (var i = 0; i < group.Inputs.Count && records.Length == 0 && !first; i++)
        {
            var turn = (_nextInput + i) % group.Inputs.Count;
            source = new TopicPartition(group.Inputs[turn], partition);
            records = store.Log(source).Read(store.Position(group.Name, source), group.MaxBatch, long.MaxValue);
            if (records.Length > 0)
            {
                _nextInput = turn + 1;
            }
        }
        if (records.Length == 0 && UntilWake is not { Ticks: 0 } && !first)
        {
            return false;
        }
        try
        {
            cancellation.ThrowIfCancellationRequested();
            var transaction = new MemoryTransaction(store, group.Name, partition);
            _calledAt = time.GetTimestamp();
            _progress = await _processor.ProcessAsync(new RecordBatch(source, records), transaction, cancellation);
            if (records.Length > 0 || transaction.HasWrites)
            {
                store.Apply(transaction.ToCommit(records.Length > 0 ? (source, records[^1].Offset + 1) : null));
                _processor.Committed();
            }
            Advanced = records.Length > 0;
            return true;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        var processor = _processor;
        _processor = null;
        if (processor is not null)
        {
            await processor.DisposeAsync();
        }
    }

    private static TimeSpan Max(TimeSpan x, TimeSpan y) => x > y ? x : y;
}
