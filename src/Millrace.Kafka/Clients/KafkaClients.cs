using System.Globalization;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Millrace.Engines;

namespace Millrace.Kafka.Clients;

/// <summary>Makes every client, with the settings its work needs; what the user passed through wins where it does not break a promise.</summary>
internal sealed class KafkaClients(KafkaOptions options, string instance, ILogger log)
{
    /// <summary>What exactly-once stands on. A user's setting of one of these is refused.</summary>
    private static readonly string[] Ours =
    [
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "acks",
        "isolation.level",
        "group.id",
        "group.instance.id",
        "transactional.id",
        "partition.assignment.strategy",
        "group.protocol",
        "auto.offset.reset",
    ];

    private const long QuietMs = 5000;

    private long _mutteredAt = -QuietMs;

    public KafkaOptions Options => options;

    public ILogger Log => log;

    /// <summary>How long a partition that goes to another process waits for a call under way; Kafka's own setting for it.</summary>
    public long LongestCallMs =>
        options.Client.TryGetValue("max.poll.interval.ms", out var text) && long.TryParse(text, CultureInfo.InvariantCulture, out var ms)
            ? ms
            : 300_000;

    /// <summary>The name of this process in transactional ids.</summary>
    public string Instance => instance;

    /// <summary>Refuses options that cannot work.</summary>
    /// <exception cref="EngineException">What is wrong, all of it.</exception>
    public static void Check(KafkaOptions options)
    {
        var wrong = new List<string>();
        if (string.IsNullOrWhiteSpace(options.BootstrapServers))
        {
            wrong.Add("BootstrapServers is empty: name the broker, for example 127.0.0.1:9092.");
        }
        if (string.IsNullOrWhiteSpace(options.Folder))
        {
            wrong.Add("Folder is empty: name a local folder for state.");
        }
        if (options.Threads < 1)
        {
            wrong.Add("Threads is below 1.");
        }
        foreach (var name in Ours.Where(options.Client.ContainsKey))
        {
            wrong.Add($"Client sets {name}, which Millrace sets itself so that nothing is lost or doubled; leave it out.");
        }
        if (wrong.Count > 0)
        {
            throw new EngineException($"The Kafka engine cannot start with these options: {string.Join(" ", wrong)}");
        }
    }

    /// <summary>The name on the broker of a topic, group or transactional id.</summary>
    public string Named(string name) => options.Prefix + name;

    /// <summary>A name for messages: what the application calls it, and what is put before it on the broker.</summary>
    public string Quoted(string name) => options.Prefix.Length == 0 ? $"'{name}'" : $"'{name}' (prefix '{options.Prefix}')";

    public IAdminClient Admin() => new AdminClientBuilder(Common()).SetLogHandler(Logged).SetErrorHandler(Ignored).Build();

    /// <summary>
    /// A producer whose transactions stand or fall whole. It is served by whoever commits: with the client's own thread beside, which takes the reports
    /// away, a commit sees only at its next look, up to 10 ms later, that its records have arrived.
    /// </summary>
    public IProducer<byte[], byte[]> Producer(string transactionalId)
    {
        var settings = Common();
        Default(settings, "linger.ms", "0");
        Default(settings, "compression.type", "lz4");
        Default(settings, "queue.buffering.max.messages", "2000000");
        Default(settings, "queue.buffering.max.kbytes", "1048576");
        Default(settings, "batch.size", "1000000");
        settings["message.max.bytes"] = Number(options.MaxRecordBytes);
        // Tokens are asked for by callbacks, also before the first commit.
        settings["dotnet.producer.enable.background.poll"] = settings.ContainsValue("OAUTHBEARER") ? "true" : "false";
        settings["transactional.id"] = Named(transactionalId);
        settings["enable.idempotence"] = "true";
        settings["acks"] = "all";
        settings["transaction.timeout.ms"] = Number((int)options.TransactionTimeout.TotalMilliseconds);
        // The same wait, where the coordinator's broker has left the cluster, ends when the state of any connection changes: one that is idle is closed.
        Default(settings, "connections.max.idle.ms", "10000");
        return new ProducerBuilder<byte[], byte[]>(settings).SetLogHandler(Logged).SetErrorHandler(Ignored).Build();
    }

    /// <summary>A consumer of partitions that it is told, from offsets that it is told.</summary>
    /// <param name="patienceMs">
    /// How long the broker may hold a fetch that finds nothing. A partition that is added meanwhile waits for that: little where partitions come and go,
    /// more where it only costs requests.
    /// </param>
    public IConsumer<byte[], byte[]> Reader(int patienceMs)
    {
        var settings = Fetching();
        Default(settings, "fetch.wait.max.ms", Number(patienceMs));
        Alone(settings);
        // An offset that is not there is a fault: going on elsewhere would lose records or have them twice.
        settings["auto.offset.reset"] = "error";
        return new ConsumerBuilder<byte[], byte[]>(settings).SetLogHandler(Logged).SetErrorHandler(Ignored).Build();
    }

    /// <summary>A consumer that only asks, about records that are not committed as well.</summary>
    public IConsumer<byte[], byte[]> Asker() => Asker("read_uncommitted");

    /// <summary>The same, about records that are committed.</summary>
    public IConsumer<byte[], byte[]> CommittedAsker() => Asker("read_committed");

    private IConsumer<byte[], byte[]> Asker(string isolation)
    {
        var settings = Common();
        Alone(settings);
        settings["isolation.level"] = isolation;
        settings["enable.auto.commit"] = "false";
        return new ConsumerBuilder<byte[], byte[]>(settings).SetLogHandler(Logged).SetErrorHandler(Ignored).Build();
    }

    /// <summary>A member of a group, which shares out partitions and reads none.</summary>
    /// <param name="group">The group's name.</param>
    /// <param name="member">Which of this process's members of the group it is.</param>
    public ConsumerBuilder<byte[], byte[]> Member(string group, int member)
    {
        var settings = Fetching();
        settings["group.id"] = Named(group);
        settings["auto.offset.reset"] = "latest";
        if (options.StaticMembership)
        {
            settings["group.instance.id"] = $"{instance}-{member}";
        }
        if (options.BrokerSideGroups)
        {
            settings["group.protocol"] = "consumer";
        }
        else
        {
            settings["partition.assignment.strategy"] = "cooperative-sticky";
            settings["session.timeout.ms"] = Number((int)options.SessionTimeout.TotalMilliseconds);
            settings["heartbeat.interval.ms"] = Number((int)Math.Max(100, options.SessionTimeout.TotalMilliseconds / 4));
        }
        return new ConsumerBuilder<byte[], byte[]>(settings).SetLogHandler(Logged).SetErrorHandler(Ignored);
    }

    /// <summary>The client wants a group; nothing is ever committed to it, and nobody joins it.</summary>
    private void Alone(Dictionary<string, string> settings)
    {
        settings["group.id"] = Named($"reader-{instance}");
        settings.Remove("max.poll.interval.ms");
    }

    private Dictionary<string, string> Fetching()
    {
        var settings = Common();
        settings["enable.auto.commit"] = "false";
        settings["enable.auto.offset.store"] = "false";
        settings["enable.partition.eof"] = "true";
        settings["isolation.level"] = "read_committed";
        Default(settings, "fetch.error.backoff.ms", "50");
        Default(settings, "queued.max.messages.kbytes", "16384");
        settings["fetch.message.max.bytes"] = Number(Math.Max(1 << 20, options.MaxRecordBytes / 16));
        settings["fetch.max.bytes"] = Number(options.MaxRecordBytes);
        settings["receive.message.max.bytes"] = Number(options.MaxRecordBytes + (1 << 20));
        return settings;
    }

    private Dictionary<string, string> Common()
    {
        var settings = new Dictionary<string, string>(options.Client, StringComparer.Ordinal)
        {
            ["bootstrap.servers"] = options.BootstrapServers,
        };
        Default(settings, "client.id", $"millrace-{instance}");
        Default(settings, "socket.nagle.disable", "true");
        Default(settings, "reconnect.backoff.ms", "50");
        Default(settings, "reconnect.backoff.max.ms", "1000");
        Default(settings, "allow.auto.create.topics", "false");
        Default(settings, "topic.metadata.refresh.interval.ms", "5000");
        // Partitions that were added are seen within so long by those who look for them.
        Default(settings, "metadata.max.age.ms", "10000");
        Default(settings, "log.connection.close", "false");
        // With all brokers away a moment the client would drop what it knows of them, and begin anew with the addresses of its start. What waits for the
        // group's coordinator is not told, and waits for ever, whatever its timeout (librdkafka issues 5456 and 5511).
        Default(settings, "metadata.recovery.strategy", "none");
        return settings;
    }

    private static void Default(Dictionary<string, string> settings, string name, string value) => settings.TryAdd(name, value);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    // Both come on the client's own threads, as soon as a broker cannot be reached: before there is a client that could be asked for its name.
    private void Logged(IClient client, LogMessage message) => EngineLog.Client(log, message.Name, message.Facility, message.Message);

    // An error that matters comes back from the call or the partition it concerns; these are the client's own mutterings about connections. Each of the
    // clients says so many times a second while a broker is away: one line every few seconds says as much.
    private void Ignored(IClient client, Error error)
    {
        var now = Environment.TickCount64;
        var before = Interlocked.Read(ref _mutteredAt);
        if (now - before > QuietMs && Interlocked.CompareExchange(ref _mutteredAt, now, before) == before)
        {
            EngineLog.Connection(log, instance, error.Code, error.Reason);
        }
        else
        {
            EngineLog.Client(log, instance, "ERROR", error.Reason);
        }
    }
}
