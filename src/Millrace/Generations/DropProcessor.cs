using Millrace.Engines;

namespace Millrace;

/// <summary>One partition of a group that has ended: deletes its state in bounded steps, and decides nothing.</summary>
internal sealed class DropProcessor : IProcessor
{
    private const int Step = 2048;

    private readonly List<byte[]> _keys = [];

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        _keys.Clear();
        using (var cursor = transaction.Range([], []))
        {
            while (_keys.Count < Step && cursor.MoveNext())
            {
                _keys.Add(cursor.Key.ToArray());
            }
        }
        foreach (var key in _keys)
        {
            transaction.Delete(key);
        }
        return new(new Progress(More: _keys.Count == Step));
    }

    public void Committed() { }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
