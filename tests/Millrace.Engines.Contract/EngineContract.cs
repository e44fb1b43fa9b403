namespace Millrace.Engines.Contract;

/// <summary>What every engine must do. An engine's test project derives from each of these classes and says how a world is made.</summary>
public abstract class EngineContract
{
    protected static readonly Topic In = new("in", 3);
    protected static readonly Topic Out = new("out", 3);

    /// <summary>Runs a test in a new world, or in many.</summary>
    protected abstract Task Run(Func<World, Task> test);

    protected static TopicPartition P(Topic topic, int partition) => new(topic, partition);

    /// <summary>Runs a test in a world that has the topics.</summary>
    protected Task With(Topic[] topics, Func<World, Task> test) =>
        Run(async world =>
        {
            await world.Engine.CreateTopicsAsync(topics, CancellationToken.None);
            await test(world);
        });

    /// <summary>Copies records to the same partition of the output and counts them in the state.</summary>
    protected static IProcessor Copy(int partition) => Handler.Yielding((batch, transaction) => CopyTo(Out, partition, batch, transaction));

    protected static void CopyTo(Topic target, int partition, RecordBatch batch, ITransaction transaction)
    {
        if (batch.Records.IsEmpty)
        {
            return;
        }
        var count = transaction.TryGet("count"u8, out var stored) ? int.Parse(Text.From(stored)) : 0;
        foreach (var record in batch.Records.Span)
        {
            transaction.Append(P(target, partition), record.Time, record.Key.Span, record.Headers.Span, record.Value.Span);
            count++;
        }
        transaction.Put("count"u8, Text.Of(count.ToString()));
    }

    protected static string[] Numbers(int from, int count) => [.. Enumerable.Range(from, count).Select(i => i.ToString())];

    protected static string? Get(IStateReader state, string key) => state.TryGet(Text.Of(key), out var value) ? Text.From(value) : null;
}
