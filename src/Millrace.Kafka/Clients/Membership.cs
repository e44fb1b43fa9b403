using System.Diagnostics;
using Confluent.Kafka;
using Millrace.Engines;
using static Millrace.Kafka.Clients.Native;

namespace Millrace.Kafka.Clients;

/// <summary>What a member of a group is told. Called on the membership's own thread; the partitions are given up when the call returns.</summary>
internal interface IMember
{
    void Assigned(IReadOnlyList<int> partitions);

    /// <summary>Partitions go to somebody else.</summary>
    /// <param name="partitions">Which.</param>
    /// <param name="lost">They are somebody else's already: nothing can be committed any more.</param>
    void Revoked(IReadOnlyList<int> partitions, bool lost);

    /// <summary>The membership has a trouble, and goes on trying.</summary>
    void Troubled(string reason);
}

/// <summary>
/// Shares out the partitions of a group over all processes, and fences who is late: every transaction carries this membership's generation, and the
/// broker refuses an old one. It reads no records, so that nothing a processor does can keep it from answering the broker.
/// </summary>
internal sealed class Membership : IDisposable
{
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Question = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly KafkaClients _clients;
    private readonly string _group;
    private readonly int _number;
    private readonly string _topic;
    private readonly IMember _member;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Thread _thread;
    private volatile IConsumer<byte[], byte[]>? _consumer;
    private int _users;
    private int _disposed;

    /// <param name="clients">Makes the client.</param>
    /// <param name="group">The group's name.</param>
    /// <param name="number">Which of this process's members of the group it is, from 0.</param>
    /// <param name="topic">The first of its topics. Partition n of each belongs together, so that who gets it has it of all of them.</param>
    /// <param name="member">Who is told.</param>
    public Membership(KafkaClients clients, string group, int number, string topic, IMember member)
    {
        _clients = clients;
        _group = group;
        _number = number;
        _topic = clients.Named(topic);
        _member = member;
        _thread = new Thread(Run) { IsBackground = true, Name = $"millrace member of {group}" };
    }

    public void Start() => _thread.Start();

    /// <summary>What proves to the broker that this process is a member now.</summary>
    /// <exception cref="StaleMemberException">It is none at the moment: a commit without a generation would not be fenced.</exception>
    public IConsumerGroupMetadata Proof() =>
        Use(consumer =>
        {
            var before = Generation(consumer);
            var proof = consumer.ConsumerGroupMetadata;
            return before >= 0 && before == Generation(consumer) ? proof : throw new StaleMemberException(_group);
        });

    /// <summary>
    /// What the group has committed for partitions, -1 for nothing; waits for transactions that are under way (KIP-447). Asked by the member, which the
    /// coordinator knows: an admin client was seen to wait in vain after its broker had been restarted.
    /// </summary>
    /// <exception cref="EngineException">The broker does not say.</exception>
    public List<long> Committed(IReadOnlyList<Confluent.Kafka.TopicPartition> places, CancellationToken cancellation)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return Use(consumer => consumer.Committed(places, Question)).ConvertAll(p => p.Offset.Value);
            }
            catch (KafkaException e) when (Stopwatch.GetElapsedTime(since) > Patience)
            {
                throw new EngineException($"The positions of the group '{_clients.Named(_group)}' cannot be read: {e.Error.Reason}.", e);
            }
            catch (KafkaException)
            {
                cancellation.WaitHandle.WaitOne(100);
            }
        }
    }

    /// <summary>Gives everything up and leaves the group.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
        {
            return;
        }
        _stopping.Cancel();
        if (!_thread.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted))
        {
            _thread.Join();
        }
        _stopping.Dispose();
    }

    /// <summary>Has something done with the client, which stays until it is done.</summary>
    private T Use<T>(Func<IConsumer<byte[], byte[]>, T> use)
    {
        Interlocked.Increment(ref _users);
        try
        {
            return use(_consumer ?? throw new StaleMemberException(_group));
        }
        finally
        {
            Interlocked.Decrement(ref _users);
        }
    }

    private static int Generation(IClient consumer)
    {
        var metadata = rd_kafka_consumer_group_metadata(Of(consumer));
        if (metadata == 0)
        {
            return -1;
        }
        var generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
        rd_kafka_consumer_group_metadata_destroy(metadata);
        return generation;
    }

    private void Run()
    {
        var backoff = TimeSpan.FromMilliseconds(100);
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Serve();
                backoff = TimeSpan.FromMilliseconds(100);
            }
            catch (Exception e) when (e is KafkaException or EngineException)
            {
                _member.Troubled(e is KafkaException k ? k.Error.Reason : e.Message);
                _stopping.Token.WaitHandle.WaitOne(backoff);
                backoff = backoff * 2 < LongestBackoff ? backoff * 2 : LongestBackoff;
            }
        }
    }

    private void Serve()
    {
        var held = new HashSet<int>();
        using var consumer = _clients
            .Member(_group, _number)
            .SetPartitionsAssignedHandler(
                (_, partitions) =>
                {
                    var added = Numbers(partitions);
                    held.UnionWith(added);
                    if (added.Count > 0)
                    {
                        EngineLog.Assigned(_clients.Log, _group, string.Join(", ", added));
                        _member.Assigned(added);
                    }
                    // Nothing is read here; the end costs the broker least.
                    return partitions.Select(p => new Confluent.Kafka.TopicPartitionOffset(p, Offset.End));
                }
            )
            .SetPartitionsRevokedHandler((_, partitions) => GiveUp(partitions.ConvertAll(p => p.TopicPartition), lost: false))
            .SetPartitionsLostHandler((_, partitions) => GiveUp(partitions.ConvertAll(p => p.TopicPartition), lost: true))
            .Build();
        _consumer = consumer;
        try
        {
            consumer.Subscribe(_topic);
            var paused = new HashSet<Confluent.Kafka.TopicPartition>();
            while (!_stopping.IsCancellationRequested)
            {
                Take(consumer);
                var fresh = consumer.Assignment.Where(p => !paused.Contains(p)).ToList();
                if (fresh.Count > 0)
                {
                    consumer.Pause(fresh);
                }
                paused = [.. consumer.Assignment];
            }
            consumer.Close();
        }
        finally
        {
            _consumer = null;
            if (held.Count > 0)
            {
                // The client ended without a word about these.
                _member.Revoked([.. held], lost: true);
            }
            // Who asks it something gets an answer first; none takes longer than a question may.
            SpinWait.SpinUntil(() => Volatile.Read(ref _users) == 0);
        }

        void GiveUp(List<Confluent.Kafka.TopicPartition> partitions, bool lost)
        {
            var gone = Numbers(partitions);
            held.ExceptWith(gone);
            if (gone.Count > 0)
            {
                if (lost)
                {
                    EngineLog.Lost(_clients.Log, _group, string.Join(", ", gone));
                }
                else
                {
                    EngineLog.Revoked(_clients.Log, _group, string.Join(", ", gone));
                }
                _member.Revoked(gone, lost);
            }
        }
    }

    private void Take(IConsumer<byte[], byte[]> consumer)
    {
        try
        {
            consumer.Consume(100);
        }
        catch (ConsumeException e) when (!e.Error.IsFatal)
        {
            _member.Troubled(e.Error.Reason);
            _stopping.Token.WaitHandle.WaitOne(100);
        }
    }

    private static List<int> Numbers(IEnumerable<Confluent.Kafka.TopicPartition> partitions) =>
        [.. partitions.Select(p => p.Partition.Value).Order()];
}

/// <summary>This process is no member of the group at the moment, so that it may not commit.</summary>
internal sealed class StaleMemberException(string group)
    : Exception($"This process is no member of the group '{group}' at the moment; another one goes on with its partitions.");
