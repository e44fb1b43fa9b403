using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using Millrace.Engines;
using Millrace.Kafka.Clients;
using Millrace.Kafka.State;
using TopicPartition = Confluent.Kafka.TopicPartition;
using TopicPartitionOffset = Confluent.Kafka.TopicPartitionOffset;

namespace Millrace.Kafka.Processing;

/// <summary>
/// One thread of a group: fetches, has its partitions' processors called, and commits what all of them did in one transaction. Idle, that is one
/// command at once; busy, as much as came in while the last commit was under way. Nothing but this thread touches its partitions.
/// </summary>
internal sealed class GroupLoop : IMember, IDisposable
{
    private const int MostWaiting = 3;
    private const long MostWaitingBytes = 64 << 20;
    private const int LongestWaitMs = 100;
    private const long IdleMs = 300;

    private readonly ProcessorGroup _group;
    private readonly KafkaEngine _engine;
    private readonly KafkaClients _clients;
    private readonly Membership _membership;
    private readonly TransactionalSender _sender;
    private readonly CancellationToken _cancellation;
    private readonly ConcurrentQueue<Action> _orders = new();
    private readonly Dictionary<int, PartitionWork> _works = [];
    private readonly ConcurrentDictionary<int, CancellationTokenSource> _owned = new();
    private readonly ConcurrentDictionary<int, byte> _abandoned = new();
    private readonly Lock _committing = new();
    private readonly List<Task> _restores = [];
    private readonly List<Part> _parts = [];
    private readonly List<PartitionWork> _round = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IConsumer<byte[], byte[]>? _consumer;
    private RecordQueue? _queue;
    private int _failures;
    private long _busyAt;

    public GroupLoop(ProcessorGroup group, int number, KafkaEngine engine, CancellationToken cancellation)
    {
        _group = group;
        _engine = engine;
        _clients = engine.Clients;
        _cancellation = cancellation;
        _membership = new Membership(_clients, group.Name, number, group.Inputs[0].Name, this);
        _sender = new TransactionalSender(_clients, engine.Topics, $"{group.Name}-{_clients.Instance}-{number}");
    }

    /// <summary>Starts it.</summary>
    /// <returns>Completes when its processors are disposed, its membership has ended and its thread too.</returns>
    public Task Start()
    {
        new Thread(Run) { IsBackground = true, Name = $"millrace {_group.Name}" }.Start();
        return _ended.Task;
    }

    public void Assigned(IReadOnlyList<int> partitions)
    {
        foreach (var partition in partitions)
        {
            var stop = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
            _owned[partition] = stop;
            Restore(partition, stop);
        }
    }

    public void Revoked(IReadOnlyList<int> partitions, bool lost)
    {
        foreach (var partition in partitions)
        {
            if (_owned.TryRemove(partition, out var stop))
            {
                stop.Cancel();
            }
        }
        // Whoever is next must find nothing of us under way.
        var released = new ManualResetEventSlim();
        Order(() =>
        {
            foreach (var partition in partitions)
            {
                Release(partition);
            }
            released.Set();
        });
        var since = Environment.TickCount64;
        while (!released.Wait(50) && !_ended.Task.IsCompleted)
        {
            if (Environment.TickCount64 - since < _clients.LongestCallMs)
            {
                continue;
            }
            // A call hangs. The member is alive, so the broker would take a commit of it: from here on we make none ourselves.
            foreach (var partition in partitions)
            {
                _abandoned[partition] = 0;
            }
            lock (_committing) { }
            EngineLog.Abandoned(_clients.Log, _group.Name, string.Join(", ", partitions), (Environment.TickCount64 - since) / 1000.0);
            return;
        }
    }

    /// <summary>Whether a partition is this thread's, restored or not.</summary>
    public bool Has(int partition) => _owned.ContainsKey(partition);

    public void Troubled(string reason) => EngineLog.Trouble(_clients.Log, _group.Name, reason);

    private void Order(Action order)
    {
        _orders.Enqueue(order);
        _queue?.Wake();
    }

    private void Restore(int partition, CancellationTokenSource stop)
    {
        lock (_restores)
        {
            _restores.RemoveAll(static task => task.IsCompleted);
            _restores.Add(Task.Run(() => RestoreAsync(partition, stop)));
        }
    }

    /// <summary>Brings the state of a partition that became ours to its end, off the processing thread, then has it processed.</summary>
    private async Task RestoreAsync(int partition, CancellationTokenSource stop)
    {
        var wait = TimeSpan.FromMilliseconds(100);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                // First what the group has committed, which waits for commits that are under way; then the state's end.
                var places = _group.Inputs.Select(i => Place(i.Name, partition)).ToList();
                var committed = await Blocking.Run(() => _membership.Committed(places, stop.Token), stop.Token).ConfigureAwait(false);
                var image = _engine.Images.Open(_group.Name, partition);
                await _engine.Follower.AcquireAsync(image, stop.Token).ConfigureAwait(false);
                try
                {
                    Compare(image, committed);
                }
                catch (EngineException)
                {
                    _engine.Release(image);
                    throw;
                }
                Order(() =>
                {
                    if (stop.IsCancellationRequested)
                    {
                        _engine.Release(image);
                    }
                    else
                    {
                        Take(partition, image, stop.Token);
                    }
                });
                return;
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                _group.Faulted(
                    partition,
                    new EngineException($"The state of {_group.Name}[{partition}] cannot be restored: {e.Message}", e)
                );
                await Task.Delay(wait, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                wait = wait * 2 < TimeSpan.FromSeconds(5) ? wait * 2 : TimeSpan.FromSeconds(5);
            }
        }
    }

    /// <summary>
    /// The position in the state is what belongs to the state. The broker's is the same, or behind where it has expired or somebody has set it back by
    /// hand; ahead of it, the state has lost what was done before.
    /// </summary>
    private void Compare(Image image, List<long> committed)
    {
        for (var i = 0; i < committed.Count; i++)
        {
            var name = _group.Inputs[i].Name;
            if (committed[i] > image.Position(name))
            {
                throw new EngineException(
                    $"the group has handled {_clients.Quoted(name)} up to offset {committed[i]} of partition {image.Partition}, and the state's topic {_clients.Quoted(Topics.StateTopic(_group.Name))} knows of {image.Position(name)} only: it has lost records, or was emptied. To have them handled again, with their outputs a second time, stop all processes and set the group back: kafka-consumer-groups.sh --group {_clients.Named(_group.Name)} --topic {_clients.Named(name)}:{image.Partition} --reset-offsets --to-offset {image.Position(name)} --execute"
                );
            }
        }
    }

    private void Take(int partition, Image image, CancellationToken stop)
    {
        var work = new PartitionWork(_group, partition, image, stop);
        foreach (var input in work.Inputs)
        {
            input.Reset(image.Position(input.Source.Topic.Name));
            input.Kept = input.Fetched;
        }
        _works[partition] = work;
        _consumer!.IncrementalAssign([
            .. work.Inputs.Select(i => new TopicPartitionOffset(Place(i.Source.Topic.Name, partition), new Offset(i.Fetched))),
        ]);
        _busyAt = Environment.TickCount64;
    }

    private void Release(int partition)
    {
        _abandoned.TryRemove(partition, out _);
        if (!_works.Remove(partition, out var work))
        {
            // It went while it was being restored once more: others show it as theirs from here on.
            if (!_owned.ContainsKey(partition))
            {
                _group.Released(partition);
            }
            return;
        }
        _consumer?.IncrementalUnassign(work.Inputs.Select(i => Place(i.Source.Topic.Name, partition)));
        try
        {
            work.Dispose();
        }
        catch (Exception e)
        {
            _group.Faulted(partition, e);
        }
        _engine.Release(work.Image);
        if (!_owned.ContainsKey(partition))
        {
            _group.Released(partition);
        }
    }

    private void Run()
    {
        try
        {
            _membership.Start();
            while (!_cancellation.IsCancellationRequested)
            {
                try
                {
                    Serve();
                }
                catch (Exception e) when (e is KafkaException or EngineException)
                {
                    Fault(e);
                    Pause();
                }
            }
            Dispose();
            _ended.SetResult();
        }
        catch (Exception e)
        {
            // Only what Faulted threw comes here; whoever awaits the group is told.
            _ended.TrySetException(e);
            Dispose();
        }
    }

    /// <summary>Gives everything up; called by the loop's own thread at its end.</summary>
    public void Dispose()
    {
        foreach (var work in _works.Values)
        {
            work.Cancel();
        }
        using var left = new ManualResetEventSlim();
        // The membership gives up its partitions through orders, which this thread carries out.
        new Thread(() =>
        {
            _membership.Dispose();
            left.Set();
        })
        {
            IsBackground = true,
        }.Start();
        while (!left.Wait(5))
        {
            Carry();
        }
        // What a restore has got in the last moment comes as an order and is let go again.
        Task[] restores;
        lock (_restores)
        {
            restores = [.. _restores];
        }
        Task.WaitAll(restores);
        Carry();
        foreach (var partition in _works.Keys.ToList())
        {
            Release(partition);
        }
        _sender.Dispose();
    }

    private void Serve()
    {
        using var consumer = _clients.Reader(250);
        using var queue = new RecordQueue(consumer);
        _consumer = consumer;
        _queue = queue;
        try
        {
            Reassign();
            var receiver = new Receiver(this);
            while (!_cancellation.IsCancellationRequested)
            {
                Carry();
                var wait = Wait();
                if (queue.Take((int)Math.Min(wait, LongestWaitMs), receiver) > 0)
                {
                    // What has come meanwhile goes into the same transaction.
                    for (var more = 0; more < 15 && queue.Take(0, receiver) > 0; more++) { }
                }
                receiver.Throw();
                Round();
                Throttle();
            }
        }
        finally
        {
            _queue = null;
            _consumer = null;
        }
    }

    /// <summary>A new consumer goes on where the commits are.</summary>
    private void Reassign()
    {
        foreach (var work in _works.Values)
        {
            foreach (var input in work.Inputs)
            {
                input.Reset(input.Next);
                input.IsPaused = false;
            }
        }
        var all = _works
            .Values.SelectMany(w =>
                w.Inputs.Select(i => new TopicPartitionOffset(Place(i.Source.Topic.Name, w.Partition), new Offset(i.Fetched)))
            )
            .ToList();
        if (all.Count > 0)
        {
            _consumer!.IncrementalAssign(all);
        }
    }

    private void Carry()
    {
        while (_orders.TryDequeue(out var order))
        {
            order();
        }
    }

    private long Wait()
    {
        var now = Environment.TickCount64;
        long wait = LongestWaitMs;
        foreach (var work in _works.Values)
        {
            wait = Math.Min(wait, work.WaitMs(now));
        }
        return wait;
    }

    private void Round()
    {
        var now = Environment.TickCount64;
        _round.Clear();
        foreach (var work in _works.Values)
        {
            if (work.WaitMs(now) == 0)
            {
                _round.Add(work);
            }
        }
        if (_round.Count == 0)
        {
            if (now - _busyAt > IdleMs)
            {
                KeepPositions(now);
            }
            return;
        }
        _round.ForEach(static w => w.Begin());
        foreach (var work in _round)
        {
            if (work.End() is { } failure)
            {
                Restart(work, failed: true);
                _group.Faulted(work.Partition, failure);
            }
        }
        Commit();
    }

    private void Commit()
    {
        _parts.Clear();
        foreach (var work in _round)
        {
            if (work.HasNews)
            {
                _parts.Add(work.Part);
            }
            else if (work.Called)
            {
                work.Committed(wrote: false);
            }
            else
            {
                // Stopped within its call; it is dropped when the partition is released.
                work.Part.Transaction.Clear();
            }
        }
        if (_parts.Count == 0)
        {
            return;
        }
        _busyAt = Environment.TickCount64;
        if (!Send())
        {
            return;
        }
        foreach (var work in _round)
        {
            if (work.HasNews)
            {
                try
                {
                    work.Committed(wrote: true);
                }
                catch (Exception e)
                {
                    Restart(work, failed: true);
                    _group.Faulted(work.Partition, e);
                }
            }
        }
    }

    /// <summary>Commits the parts on the broker, then locally.</summary>
    private bool Send()
    {
        _parts.ForEach(static p => p.Image!.BeginCommit());
        try
        {
            return TrySend();
        }
        finally
        {
            _parts.ForEach(static p => p.Image!.EndCommit());
        }
    }

    private bool TrySend()
    {
        try
        {
            var offsets = _parts
                .SelectMany(p => p.Positions.Select(o => new TopicPartitionOffset(Place(o.Key, p.Image!.Partition), new Offset(o.Value))))
                .ToList();
            lock (_committing)
            {
                if (_parts.Find(p => _abandoned.ContainsKey(p.Image!.Partition)) is { } late)
                {
                    throw new CommitException($"partition {late.Image!.Partition} went to another process while a call hung", true, null);
                }
                _sender.Commit(_parts, offsets, _membership, _cancellation);
            }
        }
        catch (CommitException e)
        {
            Again(e);
            return false;
        }
        catch (Exception e) when (e is KafkaException or EngineException)
        {
            Again(e);
            return false;
        }
        _failures = 0;
        try
        {
            _engine.Images.Write(batch =>
            {
                foreach (var part in _parts)
                {
                    part.Image!.Apply(batch, part.Transaction.State, part.Positions, part.Next);
                }
            });
        }
        catch (Exception e)
        {
            // The broker has it: it comes from the state's topic as soon as the disk takes it. To process it once more would be the second time.
            Again(e);
            return false;
        }
        foreach (var part in _parts)
        {
            part.Image!.Applied(part.Positions, part.Next);
        }
        return true;
    }

    /// <summary>
    /// Nothing, or nobody knows what, was committed: everything of this thread begins again from what the broker has. The producer comes first: it settles
    /// what may still be open.
    /// </summary>
    private void Again(Exception why)
    {
        // Those that are being restored already are not among them; nor is what comes to us again while we wait.
        var working = _works.Keys.Where(_owned.ContainsKey).ToDictionary(p => p, p => _owned[p]);
        foreach (var partition in _works.Keys.ToList())
        {
            Release(partition);
        }
        if (why is not CommitException { Stale: true })
        {
            Fault(why);
        }
        Pause();
        try
        {
            if (!_cancellation.IsCancellationRequested)
            {
                // Whoever waits for a partition must not wait until the broker is back.
                _sender.Renew(_cancellation, Carry);
            }
        }
        catch (EngineException e)
        {
            // The first commit tries again; until then readers wait for what is open, or for its timeout.
            Fault(e);
        }
        foreach (var (partition, stop) in working)
        {
            if (_owned.TryGetValue(partition, out var now) && ReferenceEquals(now, stop))
            {
                Restore(partition, stop);
            }
        }
    }

    private void Fault(Exception why) =>
        _group.Faulted(
            _owned.Keys.DefaultIfEmpty(0).Min(),
            why as EngineException ?? new EngineException($"{_group.Name} could not commit and does it again: {why.Message}", why)
        );

    private void Pause()
    {
        var wait = Math.Min(5000, 100 << Math.Min(6, _failures++));
        _cancellation.WaitHandle.WaitOne(wait);
    }

    private void Restart(PartitionWork work, bool failed)
    {
        try
        {
            work.Drop(failed);
        }
        catch (Exception e)
        {
            _group.Faulted(work.Partition, e);
        }
    }

    /// <summary>Commits positions that moved past commit marks only, so that nobody takes an idle group for one that lags.</summary>
    private void KeepPositions(long now)
    {
        _parts.Clear();
        foreach (var work in _works.Values)
        {
            if (Array.Exists(work.Inputs, static i => i.Count == 0 && i.Fetched > i.Kept))
            {
                work.Part.Positions.Clear();
                work.Part.Next = null;
                work.Part.Transaction.Clear();
                work.Part.Positions.AddRange(work.Inputs.Select(i => new KeyValuePair<string, long>(i.Source.Topic.Name, i.Next)));
                _parts.Add(work.Part);
            }
        }
        _busyAt = now;
        if (_parts.Count == 0 || !Send())
        {
            return;
        }
        foreach (var work in _works.Values)
        {
            for (var i = 0; i < work.Part.Positions.Count; i++)
            {
                work.Inputs[i].Kept = work.Part.Positions[i].Value;
            }
        }
    }

    private void Throttle()
    {
        foreach (var work in _works.Values)
        {
            foreach (var input in work.Inputs)
            {
                var much = input.Count > MostWaiting * _group.MaxBatch || input.Bytes > MostWaitingBytes;
                if (much && !input.IsPaused)
                {
                    _consumer!.Pause([Place(input.Source.Topic.Name, work.Partition)]);
                    input.IsPaused = true;
                }
                else if (input.IsPaused && input.Count <= _group.MaxBatch && input.Bytes <= MostWaitingBytes / 2)
                {
                    _consumer!.Resume([Place(input.Source.Topic.Name, work.Partition)]);
                    input.IsPaused = false;
                }
            }
        }
    }

    private TopicPartition Place(string topic, int partition) => new(_clients.Named(topic), new Partition(partition));

    private sealed class Receiver(GroupLoop loop) : IRecordReceiver
    {
        private InputQueue? _last;
        private byte[] _topic = [];
        private EngineException? _failure;

        public void Received(ReadOnlySpan<byte> topic, int partition, in RawRecord record)
        {
            // A record of before a seek or a release, which was on its way.
            if (Find(topic, partition) is { } input && record.Offset >= input.Fetched)
            {
                input.Add(record);
            }
        }

        public void Ended(ReadOnlySpan<byte> topic, int partition, long offset)
        {
            if (Find(topic, partition) is { } input && offset > input.Fetched)
            {
                input.Fetched = offset;
                if (input.Count == 0 && loop._works.TryGetValue(partition, out var work))
                {
                    // Behind the last record there are commit marks only: nobody can have read further. Kept on the broker when there is time.
                    work.Image.Pass(input.Source.Topic.Name, offset);
                }
            }
        }

        public void Failed(ReadOnlySpan<byte> topic, int partition, Error error)
        {
            var where = topic.IsEmpty ? loop._clients.Options.BootstrapServers : $"{Encoding.UTF8.GetString(topic)}[{partition}]";
            var message = $"{loop._group.Name} cannot read {where}: {error.Reason}";
            if (
                error.Code
                is ErrorCode.UnknownTopicOrPart
                    or ErrorCode.Local_UnknownTopic
                    or ErrorCode.TopicAuthorizationFailed
                    or ErrorCode.OffsetOutOfRange
                    or ErrorCode.Local_AutoOffsetReset
            )
            {
                _failure ??= new EngineException(Explain(error.Code, message));
            }
            else
            {
                EngineLog.Trouble(loop._clients.Log, loop._group.Name, message);
            }
        }

        private static string Explain(ErrorCode code, string message) =>
            code is ErrorCode.OffsetOutOfRange or ErrorCode.Local_AutoOffsetReset
                ? $"{message} The records that come next are not there any more: somebody deleted them or gave the topic a retention, or the broker has lost them. To go on without them would be wrong without anybody noticing; restore the topic, or set the group's position and its state by hand."
                : message;

        public void Throw()
        {
            _last = null;
            if (_failure is { } failure)
            {
                _failure = null;
                throw failure;
            }
        }

        private InputQueue? Find(ReadOnlySpan<byte> topic, int partition)
        {
            if (_last is not null && _last.Source.Partition == partition && topic.SequenceEqual(_topic))
            {
                return _last;
            }
            _last = null;
            if (loop._works.TryGetValue(partition, out var work))
            {
                var name = Encoding.UTF8.GetString(topic);
                _last = Array.Find(work.Inputs, i => loop._clients.Named(i.Source.Topic.Name) == name);
                _topic = topic.ToArray();
            }
            return _last;
        }
    }
}
