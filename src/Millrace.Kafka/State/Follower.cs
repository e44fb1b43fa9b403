using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using Millrace.Engines;
using Millrace.Kafka.Clients;
using Millrace.Kafka.Logs;

namespace Millrace.Kafka.State;

/// <summary>
/// Keeps local copies of state that others write, and brings a copy to its topic's end before this process writes it itself. One thread and one consumer
/// for all of them, away from the threads that process.
/// </summary>
internal sealed class Follower : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Question = TimeSpan.FromSeconds(3);
    private const long SayEveryMs = 5000;

    private readonly KafkaClients _clients;
    private readonly ImageStore _store;
    private readonly IConsumer<byte[], byte[]> _asker;
    private readonly Lock _gate = new();
    private readonly Queue<Action> _orders = new();
    private readonly Dictionary<(string Topic, int Partition), Following> _following = [];
    private readonly Thread _thread;
    private IConsumer<byte[], byte[]>? _consumer;
    private RecordQueue? _queue;
    private volatile bool _stopping;
    private long _read;
    private int _asking;
    private long _saidAt = Environment.TickCount64;

    public Follower(KafkaClients clients, ImageStore store, IConsumer<byte[], byte[]> asker)
    {
        _clients = clients;
        _store = store;
        _asker = asker;
        _thread = new Thread(Run) { IsBackground = true, Name = "millrace follower" };
        _thread.Start();
    }

    /// <summary>How many records of state were read from the broker since this process began.</summary>
    public long Read => Interlocked.Read(ref _read);

    /// <summary>How far each copy that is being read is.</summary>
    public IReadOnlyList<RestoreProgress> Progress()
    {
        lock (_gate)
        {
            return [.. _following.Values.Where(f => f.Caught is not null).Select(f => f.Progress())];
        }
    }

    /// <summary>
    /// Brings a copy to the end its topic has now, and stops following it: from then on it is the caller's to write, until it is released.
    /// </summary>
    public async Task AcquireAsync(Image image, CancellationToken cancellation)
    {
        // Whoever had it in this process until now may not have let go of it yet.
        while (!await CatchUpAsync(image, stay: false, cancellation).ConfigureAwait(false))
        {
            await Task.Delay(20, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The caller of <see cref="AcquireAsync"/> writes it no more.</summary>
    /// <param name="image">The copy.</param>
    /// <param name="stays">Whether it will be followed; otherwise it is behind from now on, and answers no query before it has caught up again.</param>
    public void Release(Image image, bool stays) =>
        Order(() =>
        {
            image.IsCaughtUp &= stays;
            image.IsOwned = false;
        });

    /// <summary>Brings a copy to the end its topic has now, and keeps it there.</summary>
    public Task FollowAsync(Image image, CancellationToken cancellation) => CatchUpAsync(image, stay: true, cancellation);

    public void Dispose()
    {
        _stopping = true;
        _queue?.Wake();
        _thread.Join();
        // The client that is asked goes next, and must not go while it is asked.
        SpinWait.SpinUntil(() => Volatile.Read(ref _asking) == 0, Patience);
    }

    private async Task<bool> CatchUpAsync(Image image, bool stay, CancellationToken cancellation)
    {
        var caught = new Waiter(!stay, cancellation);
        var before = image.Next;
        // What is there now, committed or not: what is open below it will be settled before the copy counts as complete (KAFKA-10167).
        var end = await Blocking.Run(() => Ends(image, cancellation), cancellation).ConfigureAwait(false);
        Order(() => Add(image, before, end, stay, caught));
        try
        {
            return await caught.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (caught.Owns)
        {
            // It may have been granted while we gave up.
            Order(() =>
            {
                if (caught.Task is { IsCompletedSuccessfully: true, Result: true })
                {
                    image.IsOwned = false;
                    image.IsCaughtUp = false;
                }
            });
            throw;
        }
    }

    private WatermarkOffsets Ends(Image image, CancellationToken cancellation)
    {
        var since = Stopwatch.GetTimestamp();
        Interlocked.Increment(ref _asking);
        try
        {
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                ObjectDisposedException.ThrowIf(_stopping, typeof(KafkaEngine));
                try
                {
                    return _asker.QueryWatermarkOffsets(Place(image), Question);
                }
                catch (KafkaException e) when (Stopwatch.GetElapsedTime(since) > Patience)
                {
                    throw new EngineException($"The end of '{Place(image).Topic}' is not known: {e.Error.Reason}. Is the broker up?", e);
                }
                catch (KafkaException)
                {
                    // In steps, so that a stop is not held up by a broker that is silent.
                    cancellation.WaitHandle.WaitOne(100);
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _asking);
        }
    }

    /// <summary>Whether a copy can be read on from where it is; wipes it where it can only be read from the beginning.</summary>
    /// <param name="image">The copy; nobody writes it.</param>
    /// <param name="before">How far it was before the ends were asked for: what it has read since may lie behind them.</param>
    /// <param name="ends">Where the topic begins and ended.</param>
    /// <returns>What is wrong; null for nothing.</returns>
    private EngineException? Fit(Image image, long before, WatermarkOffsets ends)
    {
        string? reason = null;
        if (ends.High < before)
        {
            reason = "the topic ends before what this copy has, so the broker has lost records";
        }
        else if (image.Next > 0 && DateTimeOffset.UtcNow - image.WrittenAt > ImageStore.Absence)
        {
            reason = $"it was away for more than {ImageStore.Absence.TotalDays} days, and may have missed deletions";
        }
        if (reason is not null)
        {
            EngineLog.Wiped(_clients.Log, image.Name, image.Partition, reason);
            image.Wipe();
        }
        return ends.Low > image.Next
            ? new EngineException(
                $"The topic {_clients.Quoted(Topics.StateTopic(image.Name))} begins at offset {ends.Low.Value} in partition {image.Partition}, and the copy here is at {image.Next}: what was between is deleted, and the state cannot be made again from the rest. Somebody deleted records of a compacted topic, or gave it a retention. Restore the topic from a backup, or go on with the folder of a process that has a later copy."
            )
            : null;
    }

    private Confluent.Kafka.TopicPartition Place(Image image) =>
        new(_clients.Named(Topics.StateTopic(image.Name)), new Partition(image.Partition));

    private void Order(Action order)
    {
        lock (_gate)
        {
            _orders.Enqueue(order);
        }
        _queue?.Wake();
    }

    private void Add(Image image, long before, WatermarkOffsets ends, bool stay, Waiter caught)
    {
        var end = ends.High.Value;
        if (image.IsOwned)
        {
            // This process writes it: it is at the end by itself, and nobody else's to write.
            caught.TrySetResult(!caught.Owns);
            return;
        }
        var place = Place(image);
        var key = (place.Topic, image.Partition);
        if (_following.TryGetValue(key, out var known))
        {
            known.Want(end, stay, caught);
            Settle(known);
            return;
        }
        if (Fit(image, before, ends) is { } wrong)
        {
            caught.TrySetException(wrong);
            return;
        }
        var following = new Following(image, _store);
        following.Want(end, stay, caught);
        if (image.Next >= end)
        {
            // There is nothing to read: the next start after a clean stop costs no fetch.
            following.Reached = image.Next;
        }
        lock (_gate)
        {
            _following[key] = following;
        }
        if (following.Reached >= end)
        {
            Settle(following);
            if (!stay)
            {
                return;
            }
        }
        following.Assigned = true;
        _consumer!.IncrementalAssign([new Confluent.Kafka.TopicPartitionOffset(place, new Offset(image.Next))]);
    }

    /// <summary>Whoever waits for a long restore sees how long it will take.</summary>
    private void SayProgress()
    {
        if (Environment.TickCount64 - _saidAt < SayEveryMs)
        {
            return;
        }
        _saidAt = Environment.TickCount64;
        foreach (var restore in Progress())
        {
            if (restore.Read > 0 && restore.Left > 0)
            {
                var rate = Math.Max(1, restore.RecordsPerSecond);
                EngineLog.Restoring(_clients.Log, restore.Name, restore.Partition, restore.Read, restore.Left, rate, restore.Left / rate);
            }
        }
    }

    private void Remove(Image image)
    {
        var place = Place(image);
        if (_following.TryGetValue((place.Topic, image.Partition), out var following))
        {
            lock (_gate)
            {
                _following.Remove((place.Topic, image.Partition));
            }
            if (following.Assigned)
            {
                _consumer!.IncrementalUnassign([place]);
            }
        }
    }

    /// <summary>A copy that cannot be read on: whoever waits for it is told, and who asks next begins by looking at what the topic has.</summary>
    private void Fail(Following following, string reason)
    {
        following.Image.IsCaughtUp = false;
        Remove(following.Image);
        var why = new EngineException($"The state {following.Image.Name}[{following.Image.Partition}] cannot be read: {reason}");
        following.TakeCaught().ForEach(c => c.TrySetException(why));
    }

    private void Settle(Following following)
    {
        if (following.Caught is null || following.Reached < following.End || !following.IsWhole)
        {
            return;
        }
        following.Flush();
        following.Image.IsCaughtUp = true;
        following.Say(_clients.Log);
        var caught = following.TakeCaught();
        if (caught.Exists(static c => c.Owns && !c.Cancellation.IsCancellationRequested))
        {
            following.Image.IsOwned = true;
            Remove(following.Image);
        }
        else if (!following.Stay)
        {
            Remove(following.Image);
        }
        // One of them may own it; the others find it owned when they ask again.
        var owner = following.Image.IsOwned ? caught.Find(static c => c.Owns && !c.Cancellation.IsCancellationRequested) : null;
        caught.ForEach(c => c.TrySetResult(!c.Owns || ReferenceEquals(c, owner)));
    }

    private void Run()
    {
        while (!_stopping)
        {
            try
            {
                using var consumer = _clients.Reader(50);
                using var queue = new RecordQueue(consumer);
                _consumer = consumer;
                _queue = queue;
                var again = _following
                    .Values.Select(following => new Confluent.Kafka.TopicPartitionOffset(
                        Place(following.Image),
                        new Offset(following.Restart())
                    ))
                    .ToList();
                if (again.Count > 0)
                {
                    consumer.IncrementalAssign(again);
                }
                var receiver = new Receiver(this);
                while (!_stopping)
                {
                    Carry();
                    queue.Take(100, receiver);
                    SayProgress();
                    foreach (var (following, reason) in receiver.TakeFailed())
                    {
                        Fail(following, reason);
                    }
                    foreach (var following in receiver.TakeTouched())
                    {
                        if (following.IsWhole)
                        {
                            following.Flush();
                        }
                        Settle(following);
                    }
                }
            }
            catch (Exception e) when (e is KafkaException or EngineException)
            {
                EngineLog.Trouble(_clients.Log, "the copies of state", e.Message);
                Thread.Sleep(500);
            }
            finally
            {
                _queue = null;
                _consumer = null;
            }
        }
        foreach (var following in _following.Values)
        {
            following.TakeCaught().ForEach(static c => c.TrySetCanceled());
        }
    }

    private void Carry()
    {
        while (true)
        {
            Action? order;
            lock (_gate)
            {
                if (!_orders.TryDequeue(out order))
                {
                    return;
                }
            }
            order();
        }
    }

    private sealed class Receiver(Follower follower) : IRecordReceiver
    {
        private readonly HashSet<Following> _touched = [];
        private readonly List<(Following, string)> _failed = [];
        private Following? _last;
        private byte[] _lastTopic = [];

        public List<Following> TakeTouched()
        {
            List<Following> touched = [.. _touched];
            _touched.Clear();
            _last = null;
            return touched;
        }

        public void Received(ReadOnlySpan<byte> topic, int partition, in RawRecord record)
        {
            if (Find(topic, partition) is { } following && record.Offset >= following.Reached)
            {
                following.Take(record);
                _touched.Add(following);
                Interlocked.Increment(ref follower._read);
            }
        }

        public void Ended(ReadOnlySpan<byte> topic, int partition, long offset)
        {
            if (Find(topic, partition) is { } following)
            {
                following.Reached = Math.Max(following.Reached, offset);
                _touched.Add(following);
            }
        }

        public List<(Following Following, string Reason)> TakeFailed()
        {
            List<(Following, string)> failed = [.. _failed];
            _failed.Clear();
            return failed;
        }

        public void Failed(ReadOnlySpan<byte> topic, int partition, Error error)
        {
            EngineLog.Trouble(follower._clients.Log, $"the copy of {Encoding.UTF8.GetString(topic)}[{partition}]", error.Reason);
            if (
                error.Code
                    is ErrorCode.UnknownTopicOrPart
                        or ErrorCode.Local_UnknownTopic
                        or ErrorCode.TopicAuthorizationFailed
                        or ErrorCode.OffsetOutOfRange
                        or ErrorCode.Local_AutoOffsetReset
                && Find(topic, partition) is { } following
            )
            {
                _failed.Add((following, error.Reason));
            }
        }

        private Following? Find(ReadOnlySpan<byte> topic, int partition)
        {
            if (_last is not null && _last.Image.Partition == partition && topic.SequenceEqual(_lastTopic))
            {
                return _last;
            }
            _lastTopic = topic.ToArray();
            return _last = follower._following.GetValueOrDefault((Encoding.UTF8.GetString(topic), partition));
        }
    }
}

/// <summary>Somebody waits for a copy to be at its topic's end; false where it has an owner in this process already.</summary>
/// <param name="owns">Whether it will write the copy from then on.</param>
/// <param name="cancellation">It has given up.</param>
internal sealed class Waiter(bool owns, CancellationToken cancellation)
    : TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public bool Owns => owns;

    public CancellationToken Cancellation => cancellation;
}

/// <summary>How far a copy of state is that is being read from its topic.</summary>
internal readonly record struct RestoreProgress(string Name, int Partition, long Read, long Left, double RecordsPerSecond);

/// <summary>One copy that is being followed.</summary>
internal sealed class Following(Image image, ImageStore store)
{
    /// <summary>Of a transaction this large a part is written before its end was seen: the copy is not complete then anyway.</summary>
    private const int MostPending = 8 << 20;

    private readonly StateOverlay _pending = new();
    private readonly Dictionary<string, long> _positions = new(StringComparer.Ordinal);
    private readonly List<Waiter> _caught = [];
    private readonly long _since = Stopwatch.GetTimestamp();
    private long _read;
    private long _saidAt;

    public Image Image => image;

    /// <summary>The next offset to read.</summary>
    public long Reached { get; set; } = image.Next;

    public long End { get; private set; }

    public bool Stay { get; private set; }

    public bool Assigned { get; set; }

    /// <summary>Whether what was read ends with a transaction's last record: in between a reader of the copy would see half of one.</summary>
    public bool IsWhole { get; private set; } = true;

    public List<Waiter>? Caught => _caught.Count == 0 ? null : _caught;

    public void Want(long end, bool stay, Waiter caught)
    {
        End = Math.Max(End, end);
        Stay |= stay;
        _caught.Add(caught);
    }

    public List<Waiter> TakeCaught()
    {
        List<Waiter> caught = [.. _caught];
        _caught.Clear();
        return caught;
    }

    /// <summary>The consumer is a new one: what was read and not stored is read again.</summary>
    public long Restart()
    {
        _pending.Clear();
        _positions.Clear();
        Reached = image.Next;
        Assigned = true;
        IsWhole = true;
        return image.Next;
    }

    public void Take(in RawRecord record)
    {
        _read++;
        Reached = record.Offset + 1;
        if (StateRecords.IsPosition(record.Key))
        {
            _positions[StateRecords.Input(record.Key)] = StateRecords.Offset(record.Value);
            IsWhole = true;
            return;
        }
        IsWhole = false;
        if (record.IsDeletion)
        {
            _pending.Delete(record.Key[1..]);
        }
        else
        {
            _pending.Put(record.Key[1..], record.Value);
        }
        if (_pending.Size > MostPending)
        {
            Flush();
        }
    }

    public void Flush()
    {
        if (Reached == image.Next)
        {
            return;
        }
        List<KeyValuePair<string, long>> positions = [.. _positions];
        store.Write(batch => image.Apply(batch, _pending, positions, Reached));
        image.Applied(positions, Reached);
        _pending.Clear();
        _positions.Clear();
    }

    public RestoreProgress Progress() =>
        new(image.Name, image.Partition, _read, Math.Max(0, End - Reached), _read / Math.Max(0.001, Seconds));

    public void Say(Microsoft.Extensions.Logging.ILogger log)
    {
        if (_read > 0 && _saidAt != _read)
        {
            _saidAt = _read;
            EngineLog.Restored(log, image.Name, image.Partition, _read, Seconds);
        }
    }

    private double Seconds => Stopwatch.GetElapsedTime(_since).TotalSeconds;
}
