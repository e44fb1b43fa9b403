namespace Millrace.Engines.Contract;

/// <summary>A processor made of functions.</summary>
public sealed class Handler : IProcessor
{
    public required Func<RecordBatch, ITransaction, CancellationToken, ValueTask<Progress>> OnProcess { get; init; }

    public Action OnCommitted { get; init; } = () => { };

    public Action OnDisposed { get; init; } = () => { };

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation) =>
        OnProcess(batch, transaction, cancellation);

    public void Committed() => OnCommitted();

    public ValueTask DisposeAsync()
    {
        OnDisposed();
        return ValueTask.CompletedTask;
    }

    /// <summary>A handler that writes and is done.</summary>
    public static Handler Of(Action<RecordBatch, ITransaction> process) =>
        new()
        {
            OnProcess = (batch, transaction, _) =>
            {
                process(batch, transaction);
                return new(default(Progress));
            },
        };

    /// <summary>A handler that gives the thread away in the middle, as one that calls the world does.</summary>
    public static Handler Yielding(Action<RecordBatch, ITransaction> process) =>
        new()
        {
            OnProcess = async (batch, transaction, _) =>
            {
                await Task.Yield();
                process(batch, transaction);
                await Task.Yield();
                return default;
            },
        };

    /// <summary>A group that must not fault.</summary>
    public static ProcessorGroup Group(
        string name,
        Topic[] inputs,
        Func<int, IProcessor> create,
        int maxBatch = 4096,
        bool durable = false
    ) =>
        new()
        {
            Name = name,
            Inputs = inputs,
            Create = create,
            Faulted = (partition, e) => throw new InvalidOperationException($"{name}[{partition}] faulted: {e}", e),
            MaxBatch = maxBatch,
            DurableInput = durable,
        };
}
