using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Lets time pass in quiet partitions: where something is due and no record comes, a tick is written to the command log, so that a replay sees
/// the same moment. A tick carries the watermark, never the wall clock by itself.
/// </summary>
/// <param name="application">The application.</param>
/// <param name="services">Engine, clock, and what is due when.</param>
/// <param name="watermark">Everything before this time, in microseconds, is in the logs; <see cref="long.MinValue"/> while nobody knows.</param>
internal sealed class Ticker(Application application, DownstreamServices services, Func<long> watermark) : IAsyncDisposable
{
    /// <summary>The shortest pause: between rounds that wrote, and while somebody has not yet come to what was written.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(5);

    /// <summary>The longest pause while something is due later: the watermark may leap without a word.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private readonly IAppender _appender = services.Engine.OpenAppender(NameOf(application));
    private readonly Loop _loop = services.Loops.Of(NameOf(application), -1);
    private readonly Dictionary<(string Aggregate, int Partition), long> _last = [];
    private readonly List<(string Aggregate, int Partition)> _ticked = [];
    private readonly AsyncPulse _woken = new();

    /// <summary>The watermark went on by a leap (a history being read): look now.</summary>
    public void Wake() => _woken.Pulse();

    /// <summary>Ticks until cancelled. Where the engine cannot write, it says so and tries again.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            var news = Task.WhenAny(services.Timers.Changed.Next, _woken.Next);
            try
            {
                var round = await TickAsync(cancellation);
                _loop.Beat(false, null);
                if (round.Written > 0)
                {
                    await Task.Delay(Soon, services.Time, cancellation);
                }
                else
                {
                    await Either(news, round.Next ?? Heartbeats.Interval, cancellation);
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                _loop.Failed(e);
                services.Faulted(NameOf(application), -1, e);
                await Task.Delay(Longest, services.Time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Writes the ticks that are due now.</summary>
    public async ValueTask<TickRound> TickAsync(CancellationToken cancellation)
    {
        var now = watermark();
        TimeSpan? next = null;
        ITransaction? transaction = null;
        _ticked.Clear();
        foreach (var aggregate in application.Topology.Aggregates)
        {
            var commands = application.Commands(aggregate);
            for (var partition = 0; partition < application.Map.Partitions; partition++)
            {
                var due = Due(aggregate, partition);
                if (due == TimerRegistry.Never)
                {
                    continue;
                }
                if (due > now || due <= _last.GetValueOrDefault((aggregate.Name, partition), long.MinValue))
                {
                    var pause = due <= now ? Soon : Until(due, now);
                    next = next < pause ? next : pause;
                    continue;
                }
                transaction ??= _appender.Begin();
                transaction.Append(new TopicPartition(commands, partition), now, default, ControlHeaders.Tick, default);
                _ticked.Add((aggregate.Name, partition));
            }
        }
        if (transaction is not null)
        {
            await _appender.CommitAsync(transaction, durable: false, cancellation);
            foreach (var place in _ticked)
            {
                _last[place] = now;
            }
        }
        return new TickRound(_ticked.Count, next);
    }

    public ValueTask DisposeAsync() => _appender.DisposeAsync();

    private static string NameOf(Application application) => $"{application.Topology.Name}.ticker";

    private static TimeSpan Until(long due, long now) =>
        now == long.MinValue
            ? Longest
            : TimeSpan.FromMicroseconds(Math.Clamp((double)due - now, Soon.TotalMicroseconds, Longest.TotalMicroseconds));

    private async Task Either(Task news, TimeSpan pause, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny(news, Task.Delay(pause, services.Time, over.Token));
        await over.CancelAsync();
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// The earliest time at which a partition of the command log holds somebody up: a reaction per entity there, or any that reads all partitions. One that was
    /// added decides for entities of several partitions of the event log.
    /// </summary>
    private long Due(AggregateDefinition aggregate, int partition)
    {
        var due = TimerRegistry.Never;
        foreach (var reaction in application.Topology.Reactions)
        {
            if (reaction.Aggregate.Name == aggregate.Name)
            {
                due = Math.Min(
                    due,
                    reaction.KeyedByType is null && partition < application.Partitions
                        ? services.Timers.Due(reaction.Name, partition)
                        : services.Timers.Due(reaction.Name)
                );
            }
        }
        return due;
    }
}

/// <summary>What a round of the ticker did.</summary>
/// <param name="Written">How many ticks it wrote.</param>
/// <param name="Next">How long until it should look again; null while nothing is due at any time.</param>
internal readonly record struct TickRound(int Written, TimeSpan? Next);
