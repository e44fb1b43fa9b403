using System.Diagnostics;
using Confluent.Kafka;
using Millrace.Engines;
using Millrace.Kafka.State;

namespace Millrace.Kafka.Clients;

/// <summary>What one partition of a group, or an appender, puts into a transaction.</summary>
internal sealed class Part
{
    public required KafkaTransaction Transaction { get; init; }

    /// <summary>The state's copy; null where the transaction has none.</summary>
    public required Image? Image { get; init; }

    /// <summary>The positions of its inputs after this, by topic.</summary>
    public List<KeyValuePair<string, long>> Positions { get; } = [];

    /// <summary>The offset after its last record in the state's topic, known when the commit returned.</summary>
    public long? Next { get; set; }
}

/// <summary>
/// Transactions under a durable name, one at a time, used by one thread at a time. Two producers take turns: for some milliseconds after a commit the
/// broker is still writing its marks, and a transaction of the same producer that begins meanwhile is put off by 20 ms. The order stays: what a
/// transaction wrote lies behind what the one before it wrote, and that one's outcome was decided when this one began. After anything that leaves a
/// doubt about what the broker did both are made anew, under the same names, so that the broker settles or drops what was open and refuses every word
/// of its predecessor that is still on its way (KAFKA-17754).
/// </summary>
internal sealed class TransactionalSender(KafkaClients clients, Topics topics, string transactionalId) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Doubtful = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(2);

    private readonly List<RecordProducer> _producers = [];
    private int _turn;
    private int _growth = topics.Growth;
    private byte[] _key = new byte[256];

    /// <summary>Whether the name is ours as far as we know; otherwise the next commit takes it over first.</summary>
    public bool IsReady => _producers.Count > 0;

    /// <summary>Takes the name over: whoever had it before can commit nothing any more, and nothing of it is open.</summary>
    /// <param name="cancellation">Gives up.</param>
    /// <param name="meanwhile">Called about once a second while the broker does not answer.</param>
    /// <exception cref="EngineException">The broker does not answer, or refuses.</exception>
    public void Renew(CancellationToken cancellation, Action? meanwhile = null)
    {
        Drop();
        try
        {
            foreach (var id in (string[])[transactionalId, $"{transactionalId}.2"])
            {
                var producer = clients.Producer(id);
                _producers.Add(new RecordProducer(producer));
                TakeOver(producer, meanwhile, cancellation);
            }
        }
        catch (KafkaException e)
        {
            Drop();
            throw new EngineException(
                $"The broker {clients.Options.BootstrapServers} did not let {clients.Quoted(transactionalId)} begin transactions: {e.Error.Reason}. Is it running, and may this user write with that transactional id?",
                e
            );
        }
        catch
        {
            Drop();
            throw;
        }
    }

    private void TakeOver(IProducer<byte[], byte[]> producer, Action? meanwhile, CancellationToken cancellation)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                producer.InitTransactions(TimeSpan.FromSeconds(1));
                return;
            }
            catch (KafkaRetriableException e) when (Stopwatch.GetElapsedTime(since) < Patience && !cancellation.IsCancellationRequested)
            {
                EngineLog.Trouble(clients.Log, transactionalId, e.Error.Reason);
                meanwhile?.Invoke();
                cancellation.WaitHandle.WaitOne(100);
            }
        }
    }

    /// <summary>Commits all parts and the positions of a group, or nothing.</summary>
    /// <param name="parts">What to write; their <see cref="Part.Next"/> is set.</param>
    /// <param name="offsets">The positions of the group's inputs.</param>
    /// <param name="member">The membership that must still hold.</param>
    /// <param name="cancellation">Gives up before the commit; not within it.</param>
    /// <exception cref="CommitException">It was not committed, or nobody knows; what the broker has must be read again.</exception>
    public void Commit(
        IReadOnlyList<Part> parts,
        IReadOnlyList<Confluent.Kafka.TopicPartitionOffset> offsets,
        Membership? member,
        CancellationToken cancellation
    )
    {
        foreach (var part in parts)
        {
            foreach (var (topic, partition) in part.Transaction.Targets)
            {
                var known = topics.Partitions(topic, partition + 1);
                if (partition >= known)
                {
                    throw new EngineException(
                        known == 0
                            ? $"There is no topic {clients.Quoted(topic)}; it was never created, or deleted by somebody."
                            : $"There is no partition {topic}[{partition}]; the topic has {known} partitions."
                    );
                }
            }
        }
        if (_growth != topics.Growth)
        {
            // A client learns of partitions that were added when it looks again, and refuses to write to them until then.
            _growth = topics.Growth;
            Drop();
        }
        if (_producers.Count == 0)
        {
            Renew(cancellation);
        }
        try
        {
            var records = _producers[_turn];
            var producer = records.Client;
            producer.BeginTransaction();
            // Not disposed: where the commit fails, reports of what it wrote still come.
            var marks = new CountdownEvent(1);
            foreach (var part in parts)
            {
                Produce(part, records, marks);
            }
            if (member is not null)
            {
                producer.SendOffsetsToTransaction(offsets, member.Proof(), TimeSpan.FromSeconds(10));
            }
            var since = Stopwatch.GetTimestamp();
            Finish(producer.CommitTransaction, cancellation);
            marks.Signal();
            if (!marks.Wait(TimeSpan.FromSeconds(10), CancellationToken.None))
            {
                throw new CommitException(
                    $"The broker committed a transaction of '{transactionalId}' and did not say where its records are.",
                    false,
                    null
                );
            }
            _turn = 1 - _turn;
            if (Stopwatch.GetElapsedTime(since) > Doubtful)
            {
                // It took so long that the request was sent more than once; a copy still on its way must not end the next transaction.
                EngineLog.Rebuilt(clients.Log, transactionalId, "its commit was answered late");
                Drop();
            }
        }
        catch (KafkaException e)
        {
            Abort(e, cancellation);
            throw new CommitException(Explain(e.Error, parts), IsStale(e.Error.Code), e);
        }
        catch (StaleMemberException e)
        {
            Abort(e, cancellation);
            throw new CommitException(e.Message, true, e);
        }
        catch (Exception e)
        {
            Abort(e, cancellation);
            throw;
        }
    }

    public void Dispose() => Drop();

    private void Produce(Part part, RecordProducer records, CountdownEvent marks)
    {
        var transaction = part.Transaction;
        Topic? last = null;
        nint topic = 0;
        foreach (var output in transaction.Outputs)
        {
            if (!ReferenceEquals(last, output.Topic))
            {
                last = output.Topic;
                topic = records.Topic(clients.Named(last.Name));
            }
            var bytes = transaction.Bytes[output.At..];
            records.Produce(
                topic,
                output.Partition,
                output.Time,
                bytes[..output.Key],
                bytes.Slice(output.Key, output.Headers),
                bytes.Slice(output.Key + output.Headers, output.Value)
            );
        }
        if (part.Image is not { } image)
        {
            return;
        }
        var state = clients.Named(Topics.StateTopic(image.Name));
        var stateTopic = records.Topic(state);
        var writes = transaction.State;
        for (var i = 0; i < writes.Count; i++)
        {
            records.ProduceState(
                stateTopic,
                image.Partition,
                StateRecords.RowKey(ref _key, writes.Key(i)),
                writes.Value(i),
                writes.IsDeleted(i)
            );
        }
        var place = new Confluent.Kafka.TopicPartition(state, new Partition(image.Partition));
        foreach (var (input, offset) in part.Positions)
        {
            marks.AddCount();
            records.Client.Produce(
                place,
                new Message<byte[], byte[]> { Key = StateRecords.PositionKey(input), Value = StateRecords.Position(offset) },
                report =>
                {
                    if (!report.Error.IsError)
                    {
                        part.Next = Math.Max(part.Next ?? 0, report.Offset + 1);
                    }
                    marks.Signal();
                }
            );
        }
    }

    private void Abort(Exception why, CancellationToken cancellation)
    {
        EngineLog.Aborted(clients.Log, transactionalId, why is KafkaException k ? $"{k.Error.Code}: {k.Error.Reason}" : why.Message);
        if (_producers.Count == 0)
        {
            return;
        }
        if (why is KafkaException { Error.IsFatal: true })
        {
            EngineLog.Rebuilt(clients.Log, transactionalId, "it can no longer be used");
            Drop();
            return;
        }
        var since = Stopwatch.GetTimestamp();
        try
        {
            Finish(_producers[_turn].Client.AbortTransaction, cancellation);
            if (Stopwatch.GetElapsedTime(since) > Doubtful)
            {
                Drop();
            }
        }
        catch (Exception failed) when (failed is KafkaException or InvalidOperationException)
        {
            EngineLog.Rebuilt(clients.Log, transactionalId, failed.Message);
            Drop();
        }
    }

    // Both go on in the background after a timeout, and are called again until they know.
    private static void Finish(Action<TimeSpan> end, CancellationToken cancellation)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                end(Answer);
                return;
            }
            catch (KafkaRetriableException) when (Stopwatch.GetElapsedTime(since) < Patience && !cancellation.IsCancellationRequested)
            {
                // An answer without delay must not make this spin.
                cancellation.WaitHandle.WaitOne(20);
            }
        }
    }

    private void Drop()
    {
        _producers.ForEach(static p => p.Dispose());
        _producers.Clear();
        _turn = 0;
    }

    /// <summary>The broker does not say which topic it refuses.</summary>
    private string Explain(Error error, IReadOnlyList<Part> parts)
    {
        if (error.Code is not (ErrorCode.TopicAuthorizationFailed or ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic))
        {
            return error.Reason;
        }
        var written = parts
            .SelectMany(p => p.Transaction.Targets.Select(t => t.Topic))
            .Concat(parts.Where(p => p.Image is not null).Select(p => Topics.StateTopic(p.Image!.Name)))
            .Distinct(StringComparer.Ordinal)
            .Select(clients.Named);
        return $"{error.Reason}. It writes to {string.Join(", ", written)}: is each of them there, and may this user write to it?";
    }

    private static bool IsStale(ErrorCode code) =>
        code
            is ErrorCode.IllegalGeneration
                or ErrorCode.UnknownMemberId
                or ErrorCode.FencedInstanceId
                or ErrorCode.RebalanceInProgress
                or ErrorCode.FencedMemberEpoch
                or ErrorCode.StaleMemberEpoch
                or ErrorCode.InvalidProducerEpoch
                or ErrorCode.Local_Fenced;
}

/// <summary>A transaction was not committed, or nobody knows.</summary>
/// <param name="message">Why.</param>
/// <param name="stale">Whether somebody else has taken over.</param>
/// <param name="cause">The cause.</param>
internal sealed class CommitException(string message, bool stale, Exception? cause) : Exception(message, cause)
{
    public bool Stale => stale;
}
