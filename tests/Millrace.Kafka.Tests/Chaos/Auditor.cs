using System.Globalization;
using System.Text;
using Confluent.Kafka;

namespace Millrace.Kafka.Tests.Chaos;

/// <summary>
/// What a stranger sees: a read_committed consumer of its own, which knows nothing of the engine. It checks each output as it comes, so that a wrong
/// one is told while its cause is near.
/// </summary>
internal sealed class Auditor : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _prefix;
    private readonly IConsumer<byte[], byte[]> _consumer;
    private readonly IConsumer<byte[], byte[]> _all;
    private readonly List<long>[] _inputs = [.. Enumerable.Range(0, Workload.Partitions).Select(_ => new List<long>())];
    private readonly int[] _outputs = new int[Workload.Partitions];
    private readonly Dictionary<string, (long Count, ulong Hash)> _entities = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _thirds = new(StringComparer.Ordinal);
    private readonly Queue<string>[] _expected = [.. Enumerable.Range(0, Workload.Partitions).Select(_ => new Queue<string>())];
    private readonly Queue<string>[] _early = [.. Enumerable.Range(0, Workload.Partitions).Select(_ => new Queue<string>())];

    public Auditor(string bootstrap, string prefix)
    {
        _prefix = prefix;
        _consumer = Consumer(bootstrap, IsolationLevel.ReadCommitted);
        _all = Consumer(bootstrap, IsolationLevel.ReadUncommitted);
        _consumer.Assign(
            new[] { Workload.Input.Name, Workload.Output.Name }.SelectMany(topic =>
                Enumerable.Range(0, Workload.Partitions).Select(p => new TopicPartitionOffset(prefix + topic, p, Offset.Beginning))
            )
        );
    }

    public long Inputs => _inputs.Sum(static i => (long)i.Count);

    public long Outputs => _outputs.Sum(static o => (long)o);

    /// <summary>What each entity's state must be, by what was put in.</summary>
    public IReadOnlyDictionary<string, (long Count, ulong Hash)> Entities => _entities;

    /// <summary>The last change of each entity whose hash a third of all hashes are like.</summary>
    public IReadOnlyDictionary<string, long> Thirds => _thirds;

    /// <summary>Reads what comes for a while.</summary>
    /// <exception cref="InvalidOperationException">Something is there that must not be, or is missing.</exception>
    public void Read(TimeSpan time)
    {
        var until = DateTime.UtcNow + time;
        while (DateTime.UtcNow < until)
        {
            ConsumeResult<byte[], byte[]>? record;
            try
            {
                record = _consumer.Consume(TimeSpan.FromMilliseconds(100));
            }
            catch (ConsumeException)
            {
                // The broker is away; it is asked again.
                continue;
            }
            if (record is null)
            {
                continue;
            }
            var text = Encoding.UTF8.GetString(record.Message.Value);
            if (record.Topic == _prefix + Workload.Input.Name)
            {
                Input(record.Partition, Encoding.UTF8.GetString(record.Message.Key), text);
            }
            else
            {
                _early[record.Partition].Enqueue(text);
            }
            Match(record.Partition, record.Offset);
        }
    }

    /// <summary>Nothing is left open, and behind the last record there is nothing more.</summary>
    public void CheckEnds()
    {
        foreach (var topic in new[] { Workload.Input.Name, Workload.Output.Name })
        {
            for (var p = 0; p < Workload.Partitions; p++)
            {
                var place = new TopicPartition(_prefix + topic, p);
                var all = _all.QueryWatermarkOffsets(place, Patience).High;
                var stable = _consumer.QueryWatermarkOffsets(place, Patience).High;
                Must(all == stable, $"{place} has an open transaction: it ends at {all}, and read_committed at {stable}");
                Must(_early[p].Count == 0, $"{place} has outputs without an input");
                Must(_expected[p].Count == 0, $"{place} lacks {_expected[p].Count} outputs");
            }
        }
    }

    public void Dispose()
    {
        _consumer.Dispose();
        _all.Dispose();
    }

    private void Input(int partition, string key, string text)
    {
        var change = long.Parse(text, CultureInfo.InvariantCulture);
        var inputs = _inputs[partition];
        var expected = inputs.Count == 0 ? -1 : inputs[^1];
        // The changes of a partition ascend, and none between two of them belongs to it.
        do
        {
            expected++;
        } while ((int)((ulong)expected * 2654435761UL % 499) % 8 != partition);
        Must(change == expected, $"the source's change {change} is in partition {partition} where {expected} must be");
        inputs.Add(change);
        var (count, hash) = _entities.GetValueOrDefault(key, (0, 17UL));
        count++;
        hash = (hash ^ (ulong)change) * 1099511628211;
        _entities[key] = (count, hash);
        if (hash % 3 == 0)
        {
            _thirds[key] = change;
        }
        else
        {
            _thirds.Remove(key);
        }
        _expected[partition].Enqueue($"{change} {count} {hash}");
    }

    private void Match(int partition, long offset)
    {
        while (_expected[partition].Count > 0 && _early[partition].Count > 0)
        {
            var expected = _expected[partition].Dequeue();
            var output = _early[partition].Dequeue();
            Must(
                expected == output,
                $"output {_outputs[partition]} of partition {partition} (near offset {offset}) is '{output}' and must be '{expected}'"
            );
            _outputs[partition]++;
        }
    }

    private static void Must(bool so, string otherwise)
    {
        if (!so)
        {
            throw new InvalidOperationException(otherwise);
        }
    }

    private static IConsumer<byte[], byte[]> Consumer(string bootstrap, IsolationLevel isolation) => new ConsumerBuilder<byte[], byte[]>(
            new ConsumerConfig
            {
                BootstrapServers = bootstrap,
                GroupId = "auditor",
                IsolationLevel = isolation,
                EnableAutoCommit = false,
                AutoOffsetReset = AutoOffsetReset.Error,
            }
        ).SetLogHandler(static (_, _) => { }).Build();
}
