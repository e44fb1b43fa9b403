using System.Collections.Concurrent;
using Millrace.Embedded.State;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded;

/// <summary>Commits on the caller's thread. Its transactions are used again.</summary>
internal sealed class Appender(RocksStore store, Catalog catalog, Committer committer, Syncer syncer, StateTable table) : IAppender
{
    private const int Kept = 8;

    private readonly ConcurrentBag<EmbeddedTransaction> _free = [];

    [ThreadStatic]
    private static byte[]? t_delta;

    public ITransaction Begin() =>
        _free.TryTake(out var transaction) ? transaction : new EmbeddedTransaction(store, catalog, table, keepViews: false);

    public ValueTask CommitAsync(ITransaction transaction, bool durable, CancellationToken cancellation)
    {
        var own = (EmbeddedTransaction)transaction;
        if (!own.HasWrites)
        {
            own.Clear();
            return ValueTask.CompletedTask;
        }
        var delta = t_delta ?? new byte[4096];
        var commit = committer.Commit(own, ref delta, null, 0);
        t_delta = delta;
        if (_free.Count < Kept)
        {
            _free.Add(own);
        }
        return durable || syncer.EveryCommit ? syncer.WaitAsync(commit, cancellation) : ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
