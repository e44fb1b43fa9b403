using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using Millrace.Engines;
using Millrace.Kafka.Clients;
using TopicPartition = Millrace.Engines.TopicPartition;

namespace Millrace.Kafka.Logs;

/// <summary>
/// Reads logs for everybody outside the groups: who waits for an answer, a page, a test. Readers share a consumer as long as no two of them are at
/// different places of one partition.
/// </summary>
internal sealed class LogHub(KafkaClients clients) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Lane> _lanes = [];
    private bool _disposed;

    /// <summary>Begins to fetch for a reader.</summary>
    public Lane Join(KafkaLogReader reader)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(KafkaEngine));
            foreach (var lane in _lanes)
            {
                if (lane.TryJoin(reader))
                {
                    return lane;
                }
            }
            var added = new Lane(clients);
            _lanes.Add(added);
            added.TryJoin(reader);
            return added;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _lanes.ForEach(static lane => lane.Dispose());
            _lanes.Clear();
        }
    }
}

/// <summary>One consumer and its thread.</summary>
internal sealed class Lane : IDisposable
{
    private readonly KafkaClients _clients;
    private readonly ConcurrentDictionary<(string Topic, int Partition), KafkaLogReader> _readers = new();
    private readonly ConcurrentQueue<Action<IConsumer<byte[], byte[]>>> _orders = new();
    private readonly Thread _thread;
    private RecordQueue? _queue;
    private volatile bool _stopping;

    public Lane(KafkaClients clients)
    {
        _clients = clients;
        _thread = new Thread(Run) { IsBackground = true, Name = "millrace log readers" };
        _thread.Start();
    }

    public bool TryJoin(KafkaLogReader reader)
    {
        if (!_readers.TryAdd(Key(reader), reader))
        {
            return false;
        }
        Order(consumer =>
            consumer.IncrementalAssign([new Confluent.Kafka.TopicPartitionOffset(Place(reader), new Offset(reader.Fetched))])
        );
        return true;
    }

    public void Leave(KafkaLogReader reader) =>
        Order(consumer =>
        {
            consumer.IncrementalUnassign([Place(reader)]);
            _readers.TryRemove(Key(reader), out _);
        });

    public void Pause(KafkaLogReader reader) => Order(consumer => consumer.Pause([Place(reader)]));

    public void Resume(KafkaLogReader reader) => Order(consumer => consumer.Resume([Place(reader)]));

    public void Dispose()
    {
        _stopping = true;
        _queue?.Wake();
        _thread.Join();
        foreach (var reader in _readers.Values)
        {
            reader.Close();
        }
    }

    private (string, int) Key(KafkaLogReader reader) => (_clients.Named(reader.Source.Topic.Name), reader.Source.Partition);

    private Confluent.Kafka.TopicPartition Place(KafkaLogReader reader) =>
        new(_clients.Named(reader.Source.Topic.Name), new Partition(reader.Source.Partition));

    private void Order(Action<IConsumer<byte[], byte[]>> order)
    {
        _orders.Enqueue(order);
        _queue?.Wake();
    }

    private void Run()
    {
        while (!_stopping)
        {
            try
            {
                using var consumer = _clients.Reader(50);
                using var queue = new RecordQueue(consumer);
                _queue = queue;
                var receiver = new Receiver(this);
                while (!_stopping)
                {
                    while (_orders.TryDequeue(out var order))
                    {
                        order(consumer);
                    }
                    queue.Take(100, receiver);
                }
            }
            catch (KafkaException e)
            {
                EngineLog.Trouble(_clients.Log, "the readers of logs", e.Message);
                Thread.Sleep(500);
                _orders.Clear();
                foreach (var reader in _readers.Values)
                {
                    _orders.Enqueue(consumer =>
                        consumer.IncrementalAssign([new Confluent.Kafka.TopicPartitionOffset(Place(reader), new Offset(reader.Fetched))])
                    );
                }
            }
            finally
            {
                _queue = null;
            }
        }
    }

    private sealed class Receiver(Lane lane) : IRecordReceiver
    {
        public void Received(ReadOnlySpan<byte> topic, int partition, in RawRecord record) => Find(topic, partition)?.Add(record);

        public void Ended(ReadOnlySpan<byte> topic, int partition, long offset) => Find(topic, partition)?.SeeEnd(offset);

        public void Failed(ReadOnlySpan<byte> topic, int partition, Error error)
        {
            if (Find(topic, partition) is { } reader)
            {
                reader.Fail(error.Reason);
            }
            else
            {
                EngineLog.Trouble(lane._clients.Log, "the readers of logs", error.Reason);
            }
        }

        private KafkaLogReader? Find(ReadOnlySpan<byte> topic, int partition) =>
            lane._readers.GetValueOrDefault((Encoding.UTF8.GetString(topic), partition));
    }
}
