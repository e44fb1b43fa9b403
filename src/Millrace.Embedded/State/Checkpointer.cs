using System.Collections.Concurrent;
using Millrace.Embedded.Rocks;
using Millrace.Engines;

namespace Millrace.Embedded.State;

/// <summary>Takes frozen tables to the store, one after the other, on a thread of its own.</summary>
internal sealed class Checkpointer : IDisposable
{
    private readonly BlockingCollection<StateTable> _frozen = [];
    private readonly WriteBatch _batch;
    private readonly FreeSpace _space;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    public Checkpointer(RocksStore store, FreeSpace space)
    {
        _batch = new WriteBatch(store);
        _space = space;
        _thread = new Thread(Run) { IsBackground = true, Name = "millrace checkpoint" };
        _thread.Start();
    }

    public void Add(StateTable table) => _frozen.Add(table);

    private void Run()
    {
        foreach (var table in _frozen.GetConsumingEnumerable())
        {
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    _space.Check();
                    table.Checkpoint(_batch);
                    break;
                }
                catch (EngineException)
                {
                    // Commits meet the same and report it. The table stays frozen, its delta blocks stay stored; it is tried again.
                    _stop.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(1));
                }
            }
        }
    }

    /// <summary>Finishes what was added; a checkpoint that cannot be written is left to the next start.</summary>
    public void Dispose()
    {
        _frozen.CompleteAdding();
        if (!_thread.Join(TimeSpan.FromSeconds(30)))
        {
            _stop.Cancel();
            _thread.Join();
        }
        _batch.Dispose();
        _stop.Dispose();
        _frozen.Dispose();
    }
}
