using Millrace.Embedded.Logs;
using Millrace.Embedded.State;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded;

/// <summary>
/// Writes one commit after the other: each is one write batch, and the order of commits is the order of the write-ahead log, so that a
/// crash loses only the last ones, whole.
/// </summary>
internal sealed class Committer(RocksStore store, FreeSpace space, long tailBytes) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly WriteBatch _batch = new(store);
    private readonly Queue<PartitionLog> _recent = new();
    private readonly List<PartitionLog> _unsynced = [];
    private long _recentBytes;
    private long _commits;
    private Exception? _closed;

    /// <summary>Called after each commit, outside the gate, with its number.</summary>
    public Action<long>? Written { get; set; }

    /// <summary>Whether the disk is full; commits are tried again until it is not.</summary>
    public bool DiskIsFull => space.Refusing;

    /// <summary>How many commits there were.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Commits a transaction and clears it. When this throws, nothing was written and the transaction is cleared as well.</summary>
    /// <param name="transaction">What to write.</param>
    /// <param name="delta">A buffer of the caller for the state block.</param>
    /// <param name="position">The input position to move, if any.</param>
    /// <param name="offset">Where to.</param>
    /// <returns>The commit's number, to wait for its sync.</returns>
    public long Commit(EmbeddedTransaction transaction, ref byte[] delta, Catalog.InputPosition? position, long offset)
    {
        long number;
        try
        {
            var deltaLength = transaction.State.Count > 0 ? DeltaBlock.Write(transaction.State, ref delta) : 0;
            lock (_gate)
            {
                if (_closed is not null)
                {
                    throw _closed;
                }
                number = CommitLocked(transaction, delta.AsSpan(0, deltaLength), position, offset);
            }
            foreach (var writer in transaction.Writers)
            {
                if (writer.Committed)
                {
                    writer.Committed = false;
                    writer.Target.Wake(durable: false);
                }
            }
        }
        finally
        {
            transaction.Clear();
        }
        Written?.Invoke(number);
        return number;
    }

    private long CommitLocked(EmbeddedTransaction transaction, ReadOnlySpan<byte> delta, Catalog.InputPosition? position, long offset)
    {
        Span<byte> logKey = stackalloc byte[PartitionLog.KeyLength];
        Span<byte> deltaKey = stackalloc byte[StateTable.PrefixLength + 8];
        _batch.Clear();
        long size = delta.Length;
        foreach (var writer in transaction.Writers)
        {
            if (writer.Count > 0)
            {
                writer.Target.WriteKey(logKey, writer.First = writer.Target.NextFirst);
                writer.Target.NextFirst += writer.Count;
                _batch.Put(Families.Log, logKey, writer.Finish());
                size += writer.Length;
            }
        }
        try
        {
            if (delta.Length > 0)
            {
                transaction.Table.WriteNextDeltaKey(deltaKey);
                _batch.Put(Families.Delta, deltaKey, delta);
            }
            position?.Write(_batch, offset);
            space.Take(size);
            store.Write(_batch);
        }
        catch
        {
            foreach (var writer in transaction.Writers)
            {
                writer.Target.NextFirst = writer.Target.End;
            }
            throw;
        }
        // State and position before the records: who sees a record can see what was committed with it.
        if (delta.Length > 0)
        {
            transaction.Table.Apply(transaction.State, delta.Length);
        }
        position?.Moved(offset);
        foreach (var writer in transaction.Writers)
        {
            if (writer.Count > 0)
            {
                Publish(writer);
            }
        }
        return ++_commits;
    }

    private void Publish(LogBlockWriter writer)
    {
        var log = writer.Target;
        var block = writer.Take();
        _recentBytes += block.Bytes.Length;
        log.Publish(block);
        _recent.Enqueue(log);
        while (_recentBytes > tailBytes && _recent.Count > 1)
        {
            _recentBytes -= _recent.Dequeue().DropOldest();
        }
        if (!log.Unsynced)
        {
            log.Unsynced = true;
            _unsynced.Add(log);
        }
    }

    /// <summary>Notes what a sync beginning now will make durable.</summary>
    /// <param name="logs">Gets the logs concerned.</param>
    /// <returns>The number of the last commit it covers.</returns>
    public long BeginSync(List<PartitionLog> logs)
    {
        lock (_gate)
        {
            foreach (var log in _unsynced)
            {
                log.Unsynced = false;
                log.Syncing = log.End;
                logs.Add(log);
            }
            _unsynced.Clear();
            return _commits;
        }
    }

    /// <summary>Refuses commits from now on, with this reason; none is running when this returns.</summary>
    public void Close(Exception reason)
    {
        lock (_gate)
        {
            _closed ??= reason;
        }
    }

    public void Dispose() => _batch.Dispose();
}
