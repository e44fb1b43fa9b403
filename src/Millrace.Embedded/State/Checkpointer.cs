using System.Collections.Concurrent;
using Millrace.Engines;
using Millrace.Rocks;

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
            while (true)
            {
                try
                {
                    _space.Check();
                    table.Checkpoint(_batch);
                    break;
                }
                catch (EngineException)
                {
                    // Commits meet the same and report it. The table stays frozen and its delta blocks stay stored: it is tried again,
                    // now or at the next start.
                    if (_stop.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(1)))
                    {
                        break;
                    }
                }
            }
        }
    }

    /// <summary>Finishes what was added; a checkpoint that cannot be written is left to the next start.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _frozen.CompleteAdding();
        _thread.Join();
        _batch.Dispose();
        _stop.Dispose();
        _frozen.Dispose();
    }
}
