using Millrace.Embedded.Logs;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded;

/// <summary>
/// Syncs all commits of an interval with one fsync, or at once when somebody waits for it, and tells those who read only what would
/// survive a power cut.
/// </summary>
internal sealed class Syncer : IDisposable
{
    private readonly RocksStore _store;
    private readonly Committer _committer;
    private readonly TimeSpan _interval;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _work = new(false);
    private readonly ManualResetEvent _urgent = new(false);
    private readonly PriorityQueue<TaskCompletionSource, long> _waiting = new();
    private readonly Thread _thread;
    private long _synced;
    private volatile bool _stopping;
    private volatile bool _idle;
    private EngineException? _failure;

    public Syncer(RocksStore store, Committer committer, TimeSpan interval)
    {
        _store = store;
        _committer = committer;
        _interval = interval;
        _committer.Written = OnWritten;
        _thread = new Thread(Run) { IsBackground = true, Name = "millrace sync" };
        _thread.Start();
    }

    /// <summary>Whether nothing may be seen before it is synced.</summary>
    public bool EveryCommit => _interval == TimeSpan.Zero;

    /// <summary>Completes when a commit would survive a power cut.</summary>
    public ValueTask WaitAsync(long commit, CancellationToken cancellation)
    {
        if (commit <= Volatile.Read(ref _synced))
        {
            return ValueTask.CompletedTask;
        }
        Task synced;
        lock (_gate)
        {
            if (commit <= _synced)
            {
                return ValueTask.CompletedTask;
            }
            if (_failure is not null)
            {
                throw _failure;
            }
            var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiting, commit);
            synced = waiting.Task;
            _urgent.Set();
        }
        return new ValueTask(synced.WaitAsync(cancellation));
    }

    /// <summary>Syncs what there is and ends.</summary>
    public void Dispose()
    {
        _stopping = true;
        _work.Set();
        _urgent.Set();
        _thread.Join();
        _work.Dispose();
        _urgent.Dispose();
        if (_failure is not null)
        {
            throw _failure;
        }
    }

    private void OnWritten(long commit)
    {
        // Telling costs more than looking; while it gathers commits it needs no telling.
        if (_idle)
        {
            _work.Set();
        }
    }

    private void Run()
    {
        var logs = new List<PartitionLog>();
        while (!_stopping || _committer.Commits > _synced)
        {
            if (_committer.Commits == _synced)
            {
                _idle = true;
                Interlocked.MemoryBarrier();
                if (_committer.Commits == _synced && !_stopping)
                {
                    _work.WaitOne();
                }
                _idle = false;
                continue;
            }
            if (!EveryCommit && !_stopping)
            {
                // Commits gather for an interval, or until somebody waits for one of them.
                _urgent.WaitOne(_interval);
            }
            logs.Clear();
            lock (_gate)
            {
                _urgent.Reset();
            }
            var covered = _committer.BeginSync(logs);
            try
            {
                _store.FlushLog(sync: true);
            }
            catch (EngineException e)
            {
                Fail(e);
                return;
            }
            Complete(covered, logs);
        }
    }

    private void Complete(long covered, List<PartitionLog> logs)
    {
        foreach (var log in logs)
        {
            log.PublishDurable(log.Syncing);
            log.Wake(durable: true);
        }
        lock (_gate)
        {
            Volatile.Write(ref _synced, covered);
            while (_waiting.TryPeek(out var waiting, out var commit) && commit <= covered)
            {
                _waiting.Dequeue();
                waiting.TrySetResult();
            }
        }
    }

    /// <summary>What was committed since the last sync may be lost, and more must not be built on it.</summary>
    private void Fail(EngineException cause)
    {
        var failure = new EngineException(
            $"The write-ahead log could not be synced, so the engine takes no more commits; what was committed in the last moments may be "
                + $"lost, the rest is safe. Mend the cause and start the process again. {cause.Message}",
            cause
        );
        lock (_gate)
        {
            _failure = failure;
            while (_waiting.TryDequeue(out var waiting, out _))
            {
                waiting.TrySetException(failure);
            }
        }
        _committer.Close(failure);
    }
}
