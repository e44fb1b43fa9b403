using Millrace.Engines;

namespace Millrace;

/// <summary>
/// A shadow's decider that takes no more than its share of the time, and pauses while the live one is behind. It waits before it begins, so that
/// nothing is held open meanwhile.
/// </summary>
/// <param name="inner">The decider.</param>
/// <param name="clock">The clock.</param>
/// <param name="terms">How it is throttled now; null where it is not.</param>
/// <param name="lag">How far the live one is behind.</param>
internal sealed class Throttle(IProcessor inner, TimeProvider clock, Func<Generation?> terms, Func<long> lag) : IProcessor
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private TimeSpan _owed;

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        var now = terms();
        if (now is null || batch.Records.IsEmpty || (now.Share >= 100 && now.PauseAtLag is null))
        {
            _owed = TimeSpan.Zero;
            return inner.ProcessAsync(batch, transaction, cancellation);
        }
        return WaitAsync(batch, transaction, cancellation);
    }

    public void Committed() => inner.Committed();

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private async ValueTask<Progress> WaitAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        if (_owed > TimeSpan.Zero)
        {
            await Task.Delay(_owed < Longest ? _owed : Longest, clock, cancellation).ConfigureAwait(false);
        }
        while (terms() is { PauseAtLag: { } most } && lag() > most)
        {
            await Task.Delay(Pause, clock, cancellation).ConfigureAwait(false);
        }
        var began = clock.GetTimestamp();
        var progress = await inner.ProcessAsync(batch, transaction, cancellation).ConfigureAwait(false);
        var share = Math.Clamp(terms()?.Share ?? 100, 1, 100);
        // The commit costs about as much again as what went into it.
        _owed = clock.GetElapsedTime(began) * 2 * ((100.0 - share) / share);
        return progress;
    }
}
