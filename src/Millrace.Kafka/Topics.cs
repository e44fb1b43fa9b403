using System.Collections.Concurrent;
using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Millrace.Engines;
using Millrace.Kafka.Clients;
using TopicPartition = Millrace.Engines.TopicPartition;

namespace Millrace.Kafka;

/// <summary>Creates topics with the settings that the promises need, and refuses those that have others.</summary>
internal sealed class Topics(KafkaClients clients, IAdminClient admin)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private bool _olderBroker;
    private int _growth;
    private readonly ConcurrentDictionary<string, int> _known = new(StringComparer.Ordinal);

    /// <summary>Creates the logs that do not exist.</summary>
    public Task CreateLogsAsync(IEnumerable<Topic> topics) => CreateAsync(topics, compacted: false);

    /// <summary>Creates the topic that keeps the state of a group or an appender.</summary>
    public Task CreateStateAsync(string name, int partitions) => CreateAsync([new Topic(StateTopic(name), partitions)], compacted: true);

    /// <summary>Gives logs more partitions, and creates those that do not exist.</summary>
    public async Task AddToLogsAsync(IEnumerable<Topic> topics)
    {
        var wanted = topics.DistinctBy(t => t.Name).ToList();
        await CreateAsync(wanted.Where(topic => Find(topic.Name) == 0), compacted: false).ConfigureAwait(false);
        await AddAsync(wanted).ConfigureAwait(false);
    }

    /// <summary>Creates the topic that keeps the state of a group, or gives it the partitions that were added to the group's inputs.</summary>
    public async Task CreateGroupStateAsync(string name, int partitions)
    {
        var topic = new Topic(StateTopic(name), partitions);
        if (Find(topic.Name) is > 0 and var there && there < partitions)
        {
            await CreateAsync([topic with { Partitions = there }], compacted: true).ConfigureAwait(false);
            await AddAsync([topic]).ConfigureAwait(false);
            return;
        }
        await CreateStateAsync(name, partitions).ConfigureAwait(false);
    }

    /// <summary>The topic that keeps the state of a group or an appender.</summary>
    public static string StateTopic(string name) => $"{name}.state";

    /// <summary>Counts how often a topic was seen to have more partitions than before: a client that has written to it does not know of them yet.</summary>
    public int Growth => Volatile.Read(ref _growth);

    /// <summary>How many partitions a topic has on the broker; 0 where there is no such topic.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="wanted">Where it was known to have fewer, the broker is asked again: somebody may have added them.</param>
    public int Partitions(string topic, int wanted = 1)
    {
        if (_known.TryGetValue(topic, out var known) && known >= wanted)
        {
            return known;
        }
        var found = Find(topic);
        if (found > 0)
        {
            Know(topic, found);
        }
        return found;
    }

    private void Know(string topic, int partitions)
    {
        if (_known.TryGetValue(topic, out var known) && known < partitions)
        {
            Interlocked.Increment(ref _growth);
        }
        _known[topic] = partitions;
    }

    /// <summary>Refuses a partition that does not exist.</summary>
    /// <exception cref="EngineException">There is no such topic or partition.</exception>
    public void Require(TopicPartition source)
    {
        var partitions = Partitions(source.Topic.Name, source.Partition + 1);
        if (partitions == 0)
        {
            throw new EngineException($"There is no topic {clients.Quoted(source.Topic.Name)}; create it first.");
        }
        if (source.Partition < 0 || source.Partition >= partitions)
        {
            throw new EngineException($"There is no partition {source}; the topic has {partitions} partitions.");
        }
    }

    private int Find(string topic)
    {
        try
        {
            var found = admin.GetMetadata(clients.Named(topic), Patience).Topics.Find(t => t.Topic == clients.Named(topic));
            return found is null || found.Error.IsError ? 0 : found.Partitions.Count;
        }
        catch (KafkaException e)
        {
            throw new EngineException(
                $"The broker {clients.Options.BootstrapServers} did not say what it knows of the topic {clients.Quoted(topic)}: {e.Error.Reason}. Is it running, and may this user describe the topic?",
                e
            );
        }
    }

    private async Task CreateAsync(IEnumerable<Topic> topics, bool compacted)
    {
        var missing = new List<Topic>();
        var existing = new List<Topic>();
        foreach (var topic in topics.DistinctBy(t => t.Name))
        {
            CheckName(topic);
            var partitions = Find(topic.Name);
            if (partitions == 0)
            {
                missing.Add(topic);
            }
            else if (partitions != topic.Partitions)
            {
                throw new EngineException(
                    $"The topic {clients.Quoted(topic.Name)} has {partitions} partitions, and the application asks for {topic.Partitions}. Entities would change their place: set the number back, or add partitions with 'millrace partitions add'."
                );
            }
            else
            {
                existing.Add(topic);
            }
        }
        await CheckSettingsAsync(existing, compacted).ConfigureAwait(false);
        if (missing.Count > 0)
        {
            await CreateMissingAsync(missing, compacted).ConfigureAwait(false);
        }
    }

    private void CheckName(Topic topic)
    {
        var name = clients.Named(topic.Name);
        if (name.Length is 0 or > 249 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')))
        {
            throw new EngineException(
                $"'{name}' cannot be the name of a topic: Kafka allows letters, digits, '.', '_' and '-', at most 249 of them. Name the application, its aggregates, views and reactions so."
            );
        }
    }

    private async Task CreateMissingAsync(List<Topic> missing, bool compacted)
    {
        var settings = Wanted(compacted);
        if (clients.Options.MinInSyncReplicas is { } replicas)
        {
            settings["min.insync.replicas"] = replicas.ToString(CultureInfo.InvariantCulture);
        }
        if (_olderBroker)
        {
            settings.Remove("message.timestamp.before.max.ms");
            settings.Remove("message.timestamp.after.max.ms");
        }
        settings["max.message.bytes"] = clients.Options.MaxRecordBytes.ToString(CultureInfo.InvariantCulture);
        try
        {
            await admin
                .CreateTopicsAsync(
                    missing.Select(topic => new TopicSpecification
                    {
                        Name = clients.Named(topic.Name),
                        NumPartitions = topic.Partitions,
                        ReplicationFactor = clients.Options.ReplicationFactor,
                        Configs = settings,
                    }),
                    new CreateTopicsOptions { RequestTimeout = Patience, OperationTimeout = Patience }
                )
                .ConfigureAwait(false);
        }
        catch (CreateTopicsException e)
        {
            // Another process of the application may have been quicker.
            var failed = e.Results.Where(r => r.Error.IsError && r.Error.Code != ErrorCode.TopicAlreadyExists).ToList();
            if (!_olderBroker && failed.Exists(r => r.Error.Code == ErrorCode.InvalidConfig))
            {
                // Before 3.6 a broker takes any time and has no limits to lift (KIP-937).
                _olderBroker = true;
                var names = failed.Select(r => r.Topic).ToHashSet(StringComparer.Ordinal);
                await CreateMissingAsync(missing.FindAll(topic => names.Contains(clients.Named(topic.Name))), compacted)
                    .ConfigureAwait(false);
            }
            else if (failed.Count > 0)
            {
                throw new EngineException(
                    $"Topics could not be created: {string.Join("; ", failed.Select(r => $"'{r.Topic}': {r.Error.Reason}"))}. Create them yourself, or allow this user to.",
                    e
                );
            }
        }
        catch (KafkaException e)
        {
            throw new EngineException($"Topics could not be created on {clients.Options.BootstrapServers}: {e.Error.Reason}.", e);
        }
        // The broker that was asked knows; the others, and the leaders, hear of it a little later.
        foreach (var topic in missing)
        {
            await UntilLedAsync(topic).ConfigureAwait(false);
        }
    }

    private async Task AddAsync(List<Topic> topics)
    {
        var fewer = topics.FindAll(topic => Find(topic.Name) < topic.Partitions);
        if (fewer.Count > 0)
        {
            try
            {
                await admin
                    .CreatePartitionsAsync(
                        fewer.Select(topic => new PartitionsSpecification
                        {
                            Topic = clients.Named(topic.Name),
                            IncreaseTo = topic.Partitions,
                        }),
                        new CreatePartitionsOptions { RequestTimeout = Patience, OperationTimeout = Patience }
                    )
                    .ConfigureAwait(false);
            }
            catch (CreatePartitionsException e)
            {
                // Another process may have added them at the same moment.
                if (fewer.Exists(topic => Find(topic.Name) < topic.Partitions))
                {
                    throw new EngineException(
                        $"Partitions could not be added: {string.Join("; ", e.Results.Where(r => r.Error.IsError).Select(r => $"'{r.Topic}': {r.Error.Reason}"))}. Allow this user to alter the topics.",
                        e
                    );
                }
            }
            catch (KafkaException e)
            {
                throw new EngineException($"Partitions could not be added on {clients.Options.BootstrapServers}: {e.Error.Reason}.", e);
            }
        }
        foreach (var topic in topics)
        {
            await UntilLedAsync(topic with { Partitions = Math.Max(topic.Partitions, Find(topic.Name)) }, grows: true)
                .ConfigureAwait(false);
        }
    }

    private async Task UntilLedAsync(Topic topic, bool grows = false)
    {
        var name = clients.Named(topic.Name);
        var since = Environment.TickCount64;
        while (true)
        {
            var found = admin.GetMetadata(name, Patience).Topics.Find(t => t.Topic == name);
            if (found is not null && !found.Error.IsError && found.Partitions.Count > 0 && found.Partitions.TrueForAll(p => p.Leader >= 0))
            {
                if (grows && found.Partitions.Count < topic.Partitions)
                {
                    // The broker that was asked has not heard of it yet.
                    await Task.Delay(20).ConfigureAwait(false);
                    continue;
                }
                if (found.Partitions.Count != topic.Partitions)
                {
                    throw new EngineException(
                        $"The topic {clients.Quoted(topic.Name)} was created by somebody else with {found.Partitions.Count} partitions, and the application asks for {topic.Partitions}."
                    );
                }
                Know(topic.Name, found.Partitions.Count);
                return;
            }
            if (Environment.TickCount64 - since > Patience.TotalMilliseconds)
            {
                throw new EngineException(
                    $"The topic {clients.Quoted(topic.Name)} was created and has no leader after {Patience.TotalSeconds} s: are enough brokers up for its replicas?"
                );
            }
            await Task.Delay(20).ConfigureAwait(false);
        }
    }

    private async Task CheckSettingsAsync(List<Topic> existing, bool compacted)
    {
        if (existing.Count == 0)
        {
            return;
        }
        List<DescribeConfigsResult> described;
        try
        {
            described = await admin
                .DescribeConfigsAsync(
                    existing.Select(t => new ConfigResource { Type = ResourceType.Topic, Name = clients.Named(t.Name) }),
                    new DescribeConfigsOptions { RequestTimeout = Patience }
                )
                .ConfigureAwait(false);
        }
        catch (KafkaException e)
        {
            throw new EngineException(
                $"The settings of topics cannot be read, to see whether they keep what is promised: {e.Error.Reason}. Allow this user to describe their configuration.",
                e
            );
        }
        var wrong = new List<string>();
        foreach (var topic in described)
        {
            foreach (var (name, wanted) in Wanted(compacted))
            {
                if (topic.Entries.TryGetValue(name, out var entry) && entry.Value != wanted && Harms(name))
                {
                    wrong.Add($"'{topic.ConfigResource.Name}' has {name}={entry.Value} and needs {name}={wanted}");
                }
            }
            if (
                topic.Entries.TryGetValue("max.message.bytes", out var most)
                && long.TryParse(most.Value, CultureInfo.InvariantCulture, out var bytes)
                && bytes < clients.Options.MaxRecordBytes
            )
            {
                wrong.Add(
                    $"'{topic.ConfigResource.Name}' has max.message.bytes={bytes}, less than Millrace:Kafka:MaxRecordBytes={clients.Options.MaxRecordBytes}"
                );
            }
        }
        if (wrong.Count > 0)
        {
            throw new EngineException(
                $"Topics exist with settings under which records would be lost or refused: {string.Join("; ", wrong)}. Change them with kafka-configs.sh --alter."
            );
        }
        foreach (var topic in existing)
        {
            Know(topic.Name, topic.Partitions);
        }
    }

    private static bool Harms(string setting) => setting is "cleanup.policy" or "retention.ms" or "retention.bytes";

    private static Dictionary<string, string> Wanted(bool compacted) =>
        compacted
            ? new(StringComparer.Ordinal)
            {
                ["cleanup.policy"] = "compact",
                // How long a copy of the state may be away and still learn what was deleted meanwhile; see ImageStore.
                ["delete.retention.ms"] = ((long)State.ImageStore.Absence.TotalMilliseconds).ToString(CultureInfo.InvariantCulture),
                ["message.timestamp.type"] = "CreateTime",
            }
            : new(StringComparer.Ordinal)
            {
                ["cleanup.policy"] = "delete",
                ["retention.ms"] = "-1",
                ["retention.bytes"] = "-1",
                ["message.timestamp.type"] = "CreateTime",
                // A record's time is the business's, and may be any.
                ["message.timestamp.before.max.ms"] = long.MaxValue.ToString(CultureInfo.InvariantCulture),
                ["message.timestamp.after.max.ms"] = long.MaxValue.ToString(CultureInfo.InvariantCulture),
            };
}
