using Millrace.Engines;

namespace Millrace.Tests.Deciding;

/// <summary>What a group's processors asked of the engine.</summary>
public sealed record Cost
{
    public int Reads { get; set; }
    public int Steps { get; set; }
    public int Writes { get; set; }
    public int Appends { get; set; }
    public long Bytes { get; set; }
}

/// <summary>A group that counts what its processors read, walk over, write and append.</summary>
internal static class Metered
{
    public static ProcessorGroup Group(ProcessorGroup group, Cost cost) =>
        new()
        {
            Name = group.Name,
            Inputs = group.Inputs,
            Create = partition => new Processor(group.Create(partition), cost),
            Faulted = group.Faulted,
            DurableInput = group.DurableInput,
            MaxBatch = group.MaxBatch,
        };

    private sealed class Processor(IProcessor inner, Cost cost) : IProcessor
    {
        public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation) =>
            inner.ProcessAsync(batch, new Transaction(transaction, cost), cancellation);

        public void Committed() => inner.Committed();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Transaction(ITransaction inner, Cost cost) : ITransaction
    {
        public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
        {
            cost.Reads++;
            var found = inner.TryGet(key, out value);
            cost.Bytes += value.Length;
            return found;
        }

        public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false)
        {
            cost.Reads++;
            return new Cursor(inner.Range(from, to, descending), cost);
        }

        public void Append(TopicPartition target, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
        {
            cost.Appends++;
            cost.Bytes += key.Length + headers.Length + value.Length;
            inner.Append(target, time, key, headers, value);
        }

        public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            cost.Writes++;
            cost.Bytes += key.Length + value.Length;
            inner.Put(key, value);
        }

        public void Delete(ReadOnlySpan<byte> key)
        {
            cost.Writes++;
            inner.Delete(key);
        }
    }

    private sealed class Cursor(StateCursor inner, Cost cost) : StateCursor
    {
        public override ReadOnlySpan<byte> Key => inner.Key;

        public override ReadOnlySpan<byte> Value => inner.Value;

        public override bool MoveNext()
        {
            var moved = inner.MoveNext();
            if (moved)
            {
                cost.Steps++;
                cost.Bytes += inner.Key.Length + inner.Value.Length;
            }
            return moved;
        }

        public override void Dispose() => inner.Dispose();
    }
}
