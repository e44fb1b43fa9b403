using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Sources;

namespace Millrace.Testing;

/// <summary>
/// A monolith in memory, for tests of a whole host: what is written to it travels through the application as rows of a database would.
/// Registered by <c>UseFakeSource()</c>; take it from the host's services.
/// </summary>
public sealed class FakeSource : ISource
{
    private static readonly TimeSpan BetweenReports = TimeSpan.FromMilliseconds(50);

    private readonly IServiceProvider _services;
    private readonly TimeProvider _clock;
    private readonly Monolith _monolith = new();
    private readonly Channel<Work> _work = Channel.CreateUnbounded<Work>();

    // One for the first snapshot.
    private int _pending = 1;
    private bool _begun;
    private long _rows;

    internal FakeSource(IServiceProvider services, string name)
    {
        _services = services;
        _clock = services.GetService<TimeProvider>() ?? TimeProvider.System;
        Name = name;
    }

    /// <inheritdoc />
    public string Name { get; }

    /// <summary>Says that the database deletes a child with its parent and logs nothing of it (ON DELETE CASCADE). Say so before the first row.</summary>
    /// <typeparam name="TChild">The child's row record.</typeparam>
    public FakeSource OnDeleteCascade<TChild>()
        where TChild : class, IRow<TChild>
    {
        _monolith.Cascades.Add(TChild.Definition);
        return this;
    }

    /// <summary>One transaction.</summary>
    /// <param name="rows">What it does.</param>
    /// <returns>Completes when it is in the command log; see <see cref="Settled"/> for what follows from it.</returns>
    /// <exception cref="ScenarioException">The database would refuse it.</exception>
    public Task Commit(params RowOp[] rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        List<LoggedChange> changes;
        lock (_monolith)
        {
            changes = [.. rows.SelectMany(_monolith.Do)];
        }
        Interlocked.Add(ref _rows, changes.Count);
        return Enqueue((binlog, stop) => binlog.WriteAsync(changes, Now, stop));
    }

    /// <summary>A snapshot of every mapped table as it stands.</summary>
    /// <returns>Completes when it is in the command log.</returns>
    public Task Snapshot() => Enqueue(ShowAll);

    /// <summary>
    /// Waits until every stage has handled everything that was written: rows, and what followed from them, commands that reactions sent too. Timers
    /// that are not due are not waited for.
    /// </summary>
    /// <param name="cancellation">Gives up.</param>
    public async Task Settled(CancellationToken cancellation = default)
    {
        var runtime = _services.GetRequiredService<Runtime>();
        await runtime.Started.WaitAsync(cancellation).ConfigureAwait(false);
        // A stage may write to one that was at rest already, so everything must be at rest in two looks running.
        for (var quiet = 0; quiet < 2; )
        {
            quiet = Volatile.Read(ref _pending) == 0 && AtRest.Is(runtime) ? quiet + 1 : 0;
            await Task.Delay(TimeSpan.FromMilliseconds(2), cancellation).ConfigureAwait(false);
        }
    }

    /// <inheritdoc />
    public async Task RunAsync(ICapture capture, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(capture);
        var binlog = new FakeBinlog(capture, _monolith);
        if (!binlog.Resume())
        {
            await ShowAll(binlog, cancellation).ConfigureAwait(false);
        }
        if (!_begun)
        {
            _begun = true;
            Interlocked.Decrement(ref _pending);
        }
        while (true)
        {
            Report(capture);
            var more = _work.Reader.WaitToReadAsync(cancellation).AsTask();
            await Task.WhenAny(more, Task.Delay(BetweenReports, _clock, cancellation)).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            while (_work.Reader.TryRead(out var work))
            {
                await Do(work, binlog, cancellation).ConfigureAwait(false);
            }
        }
    }

    private long Now => Instants.Of(_clock.GetUtcNow());

    private Task Enqueue(Func<FakeBinlog, CancellationToken, ValueTask> work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref _pending);
        _work.Writer.TryWrite(new Work(work, done));
        return done.Task;
    }

    private async Task Do(Work work, FakeBinlog binlog, CancellationToken cancellation)
    {
        try
        {
            await work.Run(binlog, cancellation).ConfigureAwait(false);
            Interlocked.Decrement(ref _pending);
            work.Done.SetResult();
        }
        catch (Exception failure)
        {
            Interlocked.Decrement(ref _pending);
            work.Done.SetException(failure);
            throw;
        }
    }

    private async ValueTask ShowAll(FakeBinlog binlog, CancellationToken cancellation)
    {
        foreach (var table in binlog.Tables)
        {
            List<byte[]> rows;
            lock (_monolith)
            {
                rows = [.. _monolith.Rows(table)];
            }
            var snapshot = await binlog.SnapshotBeganAsync(table, Now, cancellation).ConfigureAwait(false);
            await binlog.ChunkAsync(table, snapshot, 0, rows, Now, cancellation).ConfigureAwait(false);
            await binlog.SnapshotEndedAsync(table, snapshot, Now, cancellation).ConfigureAwait(false);
        }
        await binlog.AllSnapshotsEndedAsync(Now, cancellation).ConfigureAwait(false);
    }

    private void Report(ICapture capture) =>
        capture.Report(
            new SourceStatus
            {
                Connected = true,
                LagMicroseconds = 0,
                Watermark = Volatile.Read(ref _pending) == 0 ? Now : null,
                Rows = Volatile.Read(ref _rows),
            }
        );

    private sealed record Work(Func<FakeBinlog, CancellationToken, ValueTask> Run, TaskCompletionSource Done);
}
