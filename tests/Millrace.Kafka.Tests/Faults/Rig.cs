using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Engines.Contract;
using Millrace.TestServers;
using Record = Millrace.Engines.Record;
using TopicPartition = Confluent.Kafka.TopicPartition;

namespace Millrace.Kafka.Tests.Faults;

/// <summary>Engines on a broker, as several processes would be, and a plain client beside them which shares no code with them.</summary>
internal sealed class Rig : IAsyncDisposable
{
    public const string Fold = "fold";

    public static readonly Topic Input = new("in", 2);
    public static readonly Topic Output = new("out", 2);

    private readonly List<TemporaryFolder> _folders = [];
    private readonly List<KafkaEngine> _engines = [];
    private readonly List<CancellationTokenSource> _stops = [];

    public required KafkaBroker Broker { get; init; }

    public string Prefix { get; } = KafkaBroker.NewPrefix("faults");

    /// <summary>What engines logged: the event's number and the text.</summary>
    public ConcurrentQueue<(int Event, string Text)> Log { get; } = new();

    /// <summary>What groups were told as faults.</summary>
    public ConcurrentQueue<Exception> Faults { get; } = new();

    public static async Task<Rig> OnShared()
    {
        var rig = new Rig { Broker = await KafkaBroker.SharedAsync() };
        await rig.Create();
        return rig;
    }

    public async Task Create()
    {
        var engine = Open();
        await engine.CreateTopicsAsync([Input, Output], default);
        await engine.DisposeAsync();
    }

    public string Folder()
    {
        _folders.Add(new TemporaryFolder());
        return _folders[^1].Path;
    }

    public KafkaEngine Open(string? folder = null, Action<KafkaOptions>? change = null)
    {
        var options = new KafkaOptions
        {
            BootstrapServers = Broker.Bootstrap,
            Prefix = Prefix,
            Folder = folder ?? Folder(),
            SessionTimeout = TimeSpan.FromSeconds(6),
            TransactionTimeout = TimeSpan.FromSeconds(10),
        };
        change?.Invoke(options);
        var engine = KafkaEngine.Open(options, new Logger(Log));
        _engines.Add(engine);
        return engine;
    }

    /// <summary>A group that counts each key in its state and says so in the output.</summary>
    /// <param name="before">Called with each batch, before anything is written.</param>
    /// <param name="created">Told of each processor.</param>
    /// <param name="disposed">Told when one is disposed.</param>
    public ProcessorGroup Counting(
        Func<int, RecordBatch, ITransaction, CancellationToken, Task>? before = null,
        Action<int>? created = null,
        Action<int>? disposed = null
    ) =>
        new()
        {
            Name = Fold,
            Inputs = [Input],
            Faulted = (_, e) => Faults.Enqueue(e),
            Create = partition =>
            {
                created?.Invoke(partition);
                return new Handler
                {
                    OnDisposed = () => disposed?.Invoke(partition),
                    OnProcess = async (batch, transaction, stop) =>
                    {
                        if (before is not null)
                        {
                            await before(partition, batch, transaction, stop);
                        }
                        foreach (var record in batch.Records.ToArray())
                        {
                            Count(record, partition, transaction);
                        }
                        return default;
                    },
                };
            },
        };

    /// <summary>Runs a group until the rig is disposed, or the returned source is cancelled.</summary>
    public (Task Running, CancellationTokenSource Stop) Run(KafkaEngine engine, ProcessorGroup group)
    {
        var stop = new CancellationTokenSource();
        _stops.Add(stop);
        return (Task.Run(() => engine.RunAsync(group, stop.Token)), stop);
    }

    /// <summary>Puts records into the input, as committed ones; each value is its key's.</summary>
    public void Feed(int partition, params string[] keys)
    {
        using var producer = Producer(null);
        foreach (var key in keys)
        {
            producer.Produce(Place(Input.Name, partition), Message(key, key));
        }
        producer.Flush(TimeSpan.FromSeconds(30));
    }

    public IProducer<byte[], byte[]> Producer(string? transactionalId)
    {
        var producer = new ProducerBuilder<byte[], byte[]>(
            new ProducerConfig
            {
                BootstrapServers = Broker.Bootstrap,
                EnableIdempotence = true,
                TransactionalId = transactionalId is null ? null : Prefix + transactionalId,
                TransactionTimeoutMs = transactionalId is null ? null : 600_000,
                MessageTimeoutMs = 30_000,
            }
        ).Build();
        if (transactionalId is not null)
        {
            producer.InitTransactions(TimeSpan.FromSeconds(30));
        }
        return producer;
    }

    public static Message<byte[], byte[]> Message(string key, string value) =>
        new() { Key = Encoding.UTF8.GetBytes(key), Value = Encoding.UTF8.GetBytes(value) };

    public TopicPartition Place(string topic, int partition) => new(Prefix + topic, new Partition(partition));

    /// <summary>What a read_committed consumer finds in the output.</summary>
    public List<string> Outputs(int partition)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(
            new ConsumerConfig
            {
                BootstrapServers = Broker.Bootstrap,
                GroupId = Prefix + "stranger",
                IsolationLevel = IsolationLevel.ReadCommitted,
                EnablePartitionEof = true,
                EnableAutoCommit = false,
                AutoOffsetReset = AutoOffsetReset.Earliest,
            }
        ).Build();
        consumer.Assign(new TopicPartitionOffset(Place(Output.Name, partition), Offset.Beginning));
        var all = new List<string>();
        while (consumer.Consume(TimeSpan.FromSeconds(30)) is { IsPartitionEOF: false } record)
        {
            all.Add(Encoding.UTF8.GetString(record.Message.Value));
        }
        return all;
    }

    /// <summary>What the outputs are where each of these was handled once, in this order.</summary>
    public static List<string> Counted(params IEnumerable<string> keys)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. keys.Select(key => $"{key} {counts[key] = counts.GetValueOrDefault(key) + 1}")];
    }

    public static string? StateOf(KafkaEngine engine, int partition, string key) =>
        engine.OpenState(Fold, partition).TryGet(Encoding.UTF8.GetBytes(key), out var value) ? Encoding.UTF8.GetString(value) : null;

    public async Task Soon(Func<bool> condition, string what)
    {
        var since = DateTime.UtcNow;
        while (!condition())
        {
            if (DateTime.UtcNow - since > TimeSpan.FromSeconds(60))
            {
                Assert.Fail($"{what} did not come\n{string.Join('\n', Log.Select(l => l.Text))}\n{string.Join('\n', Faults)}");
            }
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stops.ForEach(static s => s.Cancel());
        foreach (var engine in _engines)
        {
            await engine.DisposeAsync();
        }
        _stops.ForEach(static s => s.Dispose());
        _folders.ForEach(static f => f.Dispose());
    }

    private static void Count(Record record, int partition, ITransaction transaction)
    {
        var count = transaction.TryGet(record.Key.Span, out var stored) ? int.Parse(stored, CultureInfo.InvariantCulture) : 0;
        transaction.Put(record.Key.Span, Encoding.UTF8.GetBytes($"{count + 1}"));
        transaction.Append(
            new(Output, partition),
            record.Time,
            record.Key.Span,
            default,
            Encoding.UTF8.GetBytes($"{Encoding.UTF8.GetString(record.Value.Span)} {count + 1}")
        );
    }

    private sealed class Logger(ConcurrentQueue<(int, string)> log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel level) => level >= LogLevel.Information;

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format) =>
            log.Enqueue((id.Id, format(state, exception)));
    }
}
