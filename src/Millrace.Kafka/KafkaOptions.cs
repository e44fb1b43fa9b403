namespace Millrace;

/// <summary>How the Kafka engine reaches its broker and keeps its data.</summary>
public sealed class KafkaOptions
{
    /// <summary>The brokers to begin with, <c>host:port,host:port</c>.</summary>
    public string BootstrapServers { get; set; } = "";

    /// <summary>The local folder: state as of the last commit, so that a start restores next to nothing. One process at a time.</summary>
    public string Folder { get; set; } = "";

    /// <summary>Put before the name of every topic, group and transactional id, for example <c>helpdesk-test.</c>; empty unless set.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>Replicas of a topic that is created; -1 (the broker's default) unless set.</summary>
    public short ReplicationFactor { get; set; } = -1;

    /// <summary><c>min.insync.replicas</c> of a topic that is created; the broker's default unless set.</summary>
    public int? MinInSyncReplicas { get; set; }

    /// <summary>The largest record, in bytes, as a topic's <c>max.message.bytes</c> and the clients' limits; 64 MB unless set.</summary>
    public int MaxRecordBytes { get; set; } = 64 << 20;

    /// <summary>
    /// Names this process among those of the application, in transactional ids: stable over restarts, and of no two processes at a time (a
    /// StatefulSet's pod name). Unless set, a name kept in the folder.
    /// </summary>
    public string? InstanceId { get; set; }

    /// <summary>Threads that process each group in this process; 1 unless set. More than the group's partitions are of no use.</summary>
    public int Threads { get; set; } = 1;

    /// <summary>
    /// Whether partitions stay this process's over a restart shorter than <see cref="SessionTimeout"/> (static membership, KIP-345); otherwise a
    /// process that stops gives them up at once.
    /// </summary>
    public bool StaticMembership { get; set; }

    /// <summary>Whether groups use the broker's own rebalance protocol (KIP-848, brokers of 4.0 and later) instead of cooperative-sticky.</summary>
    public bool BrokerSideGroups { get; set; }

    /// <summary>A process not heard of for this long loses its partitions to the others; 10 s unless set. With <see cref="BrokerSideGroups"/> the broker's <c>group.consumer.session.timeout.ms</c>.</summary>
    public TimeSpan SessionTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The broker drops a transaction that is open for longer; 15 s unless set. At most the broker's <c>transaction.max.timeout.ms</c>.</summary>
    public TimeSpan TransactionTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Whether this process keeps a copy of the state of partitions that others own, so that it can take them over at once.</summary>
    public bool Standby { get; set; }

    /// <summary>Settings of librdkafka as they are, for every client: <c>security.protocol</c>, <c>sasl.*</c>, <c>ssl.*</c>, <c>compression.type</c> and so on.</summary>
    public IDictionary<string, string> Client { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Bytes of RocksDB's write buffer; 64 MB unless set.</summary>
    public long WriteBufferBytes { get; set; } = 64L << 20;

    /// <summary>Bytes of RocksDB's block cache; 256 MB unless set.</summary>
    public long BlockCacheBytes { get; set; } = 256L << 20;
}
