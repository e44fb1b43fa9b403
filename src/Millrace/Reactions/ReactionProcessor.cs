using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// One partition of a reaction. It brings records, timers and the runtime's controls into one order (see <see cref="Moment"/>) that follows from
/// the logs alone, and hands each event to the reaction's logic. There is no clock in it.
/// </summary>
/// <remarks>
/// A reaction per entity has one feed, and handles it as it comes. One with keys of its own has a feed from each partition of the event log: what
/// comes is kept until every feed has come past it, so that the result does not depend on how they interleave. So is what comes to a reaction per
/// entity from several partitions of the command log, where some were added.
/// </remarks>
internal sealed class ReactionProcessor : IProcessor
{
    private const int StepsPerCall = 16_384;
    private const int Chunk = 512;

    private readonly Reaction _reaction;
    private readonly int _partition;
    private readonly int _partitions;
    private readonly bool _manyFeeds;
    private readonly int _feeds;
    private readonly DownstreamServices _services;
    private readonly Loop _loop;
    private readonly ReactionCounters _counters;
    private readonly ReactionEffects _effects;
    private readonly ReactionLogic _logic;
    private readonly FeedClock _clock;
    private readonly EventBuffer _buffer;
    private readonly ParkedKeys _parked = new();
    private readonly Feeders _feeders;
    private readonly SortedSet<int> _holds = [];
    private bool _loaded;
    private int _budget;
    private CancellationToken _cancellation;
    private long _handled;
    private long _fired;

    public ReactionProcessor(Reaction reaction, Application application, DownstreamServices services, int partition)
    {
        _reaction = reaction;
        _partition = partition;
        _partitions = application.Partitions;
        _manyFeeds = reaction.KeyedByType is not null;
        _feeds = _manyFeeds ? application.Partitions : 1;
        _services = services;
        _loop = services.Loops.Of(application.ReactionGroup(reaction), partition);
        _counters = services.Counters.Reaction(reaction, application.Partitions);
        _effects = new ReactionEffects(
            reaction.Name,
            new TopicPartition(application.Intents(reaction), partition),
            services.Seals?.For(reaction.Aggregate)
        );
        _logic = reaction.CreateLogic(application.Topology, _feeds, _effects);
        _clock = new FeedClock(_feeds);
        _buffer = new EventBuffer(_manyFeeds);
        _feeders = new Feeders(partition);
    }

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        if (!_loaded)
        {
            Load(transaction);
            Publish();
        }
        _budget = StepsPerCall;
        _cancellation = cancellation;
        foreach (ref readonly var record in batch.Records.Span)
        {
            Take(transaction, record);
        }
        Drain(transaction);
        _clock.Save(transaction);
        _effects.Timers.Save(transaction);
        var progress = _loop.Beat(_budget <= 0, null);
        return _effects.Seal is { } seal ? _services.Seals!.SavedAsync(seal, progress, cancellation) : new(progress);
    }

    public void Committed() => Publish();

    public ValueTask DisposeAsync()
    {
        // Whoever goes on with the partition, here or elsewhere, says anew what is due in it.
        _services.Timers.Publish(_reaction.Name, _partition, _partitions, TimerRegistry.Never);
        (_logic as IDisposable)?.Dispose();
        _effects.Seal?.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Load(ITransaction transaction)
    {
        _clock.Load(transaction);
        _buffer.Load(transaction);
        _effects.Timers.Load(transaction);
        _parked.Load(transaction);
        for (var feed = 0; feed < _feeds; feed++)
        {
            if (transaction.TryGet(ReactionKeys.OfFeed((byte)'s', feed), out var settings))
            {
                _logic.SetSettings(feed, settings);
            }
        }
        using (var cursor = transaction.Range(ReactionKeys.OfFeed((byte)'h', 0), ReactionKeys.OfFeed((byte)'i', 0)))
        {
            while (cursor.MoveNext())
            {
                _holds.Add(BinaryPrimitives.ReadInt32BigEndian(cursor.Key[2..]));
            }
        }
        _effects.IsHolding = _holds.Count > 0;
        _feeders.Load(transaction);
        _buffer.Waits = _manyFeeds || _clock.HasGrown;
        _loaded = true;
    }

    private void Publish()
    {
        // Held timers wait for a control, not for time.
        var due = _effects.IsHolding ? TimerRegistry.Never : _effects.Timers.NextDue;
        _services.Timers.Publish(_reaction.Name, _partition, _partitions, Math.Min(due, _buffer.NextDue));
        var time = _clock.Least;
        _counters.Times[_partition] = time == Moment.None ? 0 : Moment.TimeOf(time);
        _counters.Armed[_partition] = _effects.Timers.Armed;
        _counters.Buffered[_partition] = _buffer.Count;
        _counters.Parked[_partition] = _parked.Count;
        _counters.Handled[_partition] = _handled;
        _counters.Fired[_partition] = _fired;
        _counters.Intents[_partition] = _effects.Intents.Count;
        _counters.Suppressed[_partition] = _effects.Suppressed;
    }

    // ---- what comes

    private void Take(ITransaction transaction, in Record record)
    {
        var headers = new EventHeaders(record.Headers.Span);
        if (headers.IsControl && Controls.IsDeed(headers.Type) && !Deed.TryRead(headers.Type, record.Value.Span, _reaction.Name, out _))
        {
            // For another view or reaction of the same events.
            return;
        }
        if (headers.IsControl && headers.Type.SequenceEqual(Controls.Grown))
        {
            Join(transaction, headers, record.Value.Span);
            return;
        }
        var feed = _manyFeeds ? headers.Feed : Local(_feeders.Of(headers, record.Key.Span));
        var isEnd = headers.IsControl && headers.Type.SequenceEqual(Controls.SnapshotsEnded);
        var isTick = headers.IsControl && headers.Type.SequenceEqual(Controls.Tick);
        var moment =
            _manyFeeds ? headers.FeedMoment
            : !headers.IsControl ? Moment.AfterEvent(_clock[feed], record.Time)
            : isEnd ? Moment.AfterSnapshots(_clock[feed], record.Time)
            : isTick ? Moment.AfterTick(_clock[feed], record.Time)
            : Moment.AfterControl(_clock[feed]);
        if (isTick)
        {
            _clock.Advance(feed, moment);
            return;
        }
        var item = Incoming.Of(record, feed, moment);
        if (headers.IsControl && headers.Type.SequenceEqual(Controls.Settings) && !_logic.IsReady(Log(feed)))
        {
            // Nothing of this feed can have been handled without settings, so these are in time for whatever waits.
            Control(transaction, item, headers.Type);
            return;
        }
        // One feed is handled as it comes; what stands at the same moment keeps the log's order.
        if (_buffer.Waits || _buffer.Count > 0 || !_logic.IsReady(Log(feed)) || !Fire(transaction, moment))
        {
            _buffer.Add(transaction, item, headers.IsControl, headers.Id, record.Offset);
        }
        else
        {
            Handle(transaction, item);
        }
        _clock.Advance(feed, moment);
    }

    /// <summary>Other partitions of the command log decide for some entities from here on: feeds of their own, which nothing may overtake.</summary>
    private void Join(ITransaction transaction, in EventHeaders headers, ReadOnlySpan<byte> value)
    {
        if (_manyFeeds)
        {
            foreach (var feed in JsonSerializer.Deserialize(value, MillraceJson.Default.Int32Array)!)
            {
                _clock.Join(transaction, feed, headers.Feed);
            }
        }
        else
        {
            var grown = Feeders.Read(value);
            foreach (var decider in _feeders.Grow(transaction, grown))
            {
                _clock.Join(transaction, decider, Local(grown.From!.Value));
            }
        }
        _buffer.Waits = true;
    }

    /// <summary>The feed of a partition of the command log, in a reaction per entity: the one that was there at first is 0.</summary>
    private int Local(int decider) => decider == _partition ? 0 : decider;

    /// <summary>The feed that was there at first, of the same partition of the event log. It brings the settings for all of them.</summary>
    private int Log(int feed) => _manyFeeds ? Feeders.LogOf(feed, _feeds) : 0;

    private void Drain(ITransaction transaction)
    {
        var reached = _clock.Least;
        while (_budget > 0 && _buffer.Count > 0)
        {
            var ready = _buffer.Ready(transaction, reached, Chunk);
            if (ready.Count == 0)
            {
                break;
            }
            foreach (var (key, item) in ready)
            {
                if (!_logic.IsReady(Log(item.Feed)) || !Fire(transaction, item.Moment))
                {
                    return;
                }
                _buffer.Remove(transaction, key);
                Handle(transaction, item);
            }
        }
        if (_budget > 0)
        {
            Fire(transaction, reached);
        }
    }

    private void Handle(ITransaction transaction, in Incoming item)
    {
        _budget--;
        var headers = new EventHeaders(item.Headers.Span);
        if (headers.IsControl)
        {
            Control(transaction, item, headers.Type);
        }
        else
        {
            _handled++;
            HandleKey(transaction, item);
        }
    }

    private void HandleKey(ITransaction transaction, in Incoming item)
    {
        _cancellation.ThrowIfCancellationRequested();
        if (_parked.Holds(transaction, item.Key.Span))
        {
            _parked.Add(transaction, item);
            return;
        }
        try
        {
            _logic.Plan(transaction, item with { Feed = Log(item.Feed) });
        }
        catch (Exception e)
        {
            _parked.Park(transaction, item, e);
            _effects.Timers.Suspend(transaction, item.Key.Span);
            DownstreamLog.KeyParked(_services.Logger, _reaction.Name, Encoding.UTF8.GetString(item.Key.Span), e);
            return;
        }
        _logic.Apply(transaction, item);
    }

    private void Release(ITransaction transaction, ReadOnlySpan<byte> key, in Deed deed)
    {
        if (!_parked.TryTake(transaction, key, deed, out var kept))
        {
            return;
        }
        DownstreamLog.Operated(_services.Logger, _reaction.Name, key, deed);
        _effects.Timers.Resume(transaction, key);
        foreach (var item in kept)
        {
            HandleKey(transaction, item);
        }
    }

    // ---- timers

    /// <summary>Fires what is due at or before a moment.</summary>
    /// <returns>False where there was more than one call should do.</returns>
    private bool Fire(ITransaction transaction, long moment)
    {
        while (!_effects.IsHolding && _effects.Timers.IsDue(transaction, moment))
        {
            if (_budget <= 0)
            {
                return false;
            }
            foreach (var timer in _effects.Timers.TakeDue(transaction, moment, Chunk))
            {
                _effects.Intents.AppendFired(transaction, timer);
                _fired++;
                _budget--;
            }
        }
        return true;
    }

    // ---- controls

    private void Control(ITransaction transaction, in Incoming item, ReadOnlySpan<byte> type)
    {
        if (type.SequenceEqual(Controls.Settings))
        {
            if (_logic.SetSettings(Log(item.Feed), item.Value.Span))
            {
                transaction.Put(ReactionKeys.OfFeed((byte)'s', Log(item.Feed)), item.Value.Span);
            }
        }
        else if (type.SequenceEqual(Controls.SnapshotsBegan))
        {
            transaction.Put(ReactionKeys.OfFeed((byte)'h', item.Feed), [1]);
            _holds.Add(item.Feed);
            _effects.IsHolding = true;
        }
        else if (type.SequenceEqual(Controls.SnapshotsEnded))
        {
            transaction.Delete(ReactionKeys.OfFeed((byte)'h', item.Feed));
            _holds.Remove(item.Feed);
            var wasHolding = _effects.IsHolding;
            _effects.IsHolding = _holds.Count > 0;
            if (wasHolding && !_effects.IsHolding)
            {
                Review(transaction, item);
            }
        }
        else if (type.SequenceEqual(Controls.Erased))
        {
            Erase(transaction, item);
        }
        else if (Deed.TryRead(type, item.Value.Span, _reaction.Name, out var deed))
        {
            Release(transaction, item.Key.Span, deed);
        }
    }

    /// <summary>An entity is erased: its key goes; where keys are the reaction's own, what is still to come because of it.</summary>
    private void Erase(ITransaction transaction, in Incoming item)
    {
        if (_manyFeeds)
        {
            _effects.Timers.ForgetEntity(transaction, new EventHeaders(item.Headers.Span).Subject);
            return;
        }
        _parked.Forget(transaction, item.Key.Span);
        ReactionLogic.Forget(transaction, item.Key.Span);
        _effects.Timers.Forget(transaction, item.Key.Span);
    }

    // The last feed's snapshots have ended. Timers that are due fire next, by themselves.
    private void Review(ITransaction transaction, in Incoming end)
    {
        foreach (var key in _logic.KeysToReview(transaction))
        {
            HandleKey(transaction, end with { Feed = 0, Key = key, Time = Moment.TimeOf(end.Moment) });
        }
    }
}
