using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>Logs, state and positions in memory, and the one place where a commit is applied to them.</summary>
internal sealed class MemoryStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, MemoryLog[]> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, int), MemoryState> _states = [];
    private readonly Dictionary<(string Group, string Topic, int Partition), long> _positions = [];

    public void Create(IEnumerable<Topic> topics)
    {
        lock (_gate)
        {
            foreach (var topic in topics)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(topic.Partitions, 1);
                if (!_topics.TryGetValue(topic.Name, out var logs))
                {
                    logs = new MemoryLog[topic.Partitions];
                    for (var i = 0; i < logs.Length; i++)
                    {
                        logs[i] = new MemoryLog();
                    }
                    _topics.Add(topic.Name, logs);
                }
                else if (logs.Length != topic.Partitions)
                {
                    throw new EngineException(
                        $"Topic '{topic.Name}' exists with {logs.Length} partitions and was asked for with {topic.Partitions}. The number "
                            + "of partitions is fixed at creation: ask for as many as it has, or use another name."
                    );
                }
            }
        }
    }

    public void AddPartitions(IEnumerable<Topic> topics)
    {
        lock (_gate)
        {
            foreach (var topic in topics)
            {
                var logs = _topics.GetValueOrDefault(topic.Name, []);
                if (logs.Length < topic.Partitions)
                {
                    _topics[topic.Name] =
                    [
                        .. logs,
                        .. Enumerable.Range(logs.Length, topic.Partitions - logs.Length).Select(_ => new MemoryLog()),
                    ];
                }
            }
        }
    }

    public MemoryLog Log(TopicPartition source)
    {
        lock (_gate)
        {
            if (!_topics.TryGetValue(source.Topic.Name, out var logs))
            {
                throw new EngineException($"Topic '{source.Topic.Name}' does not exist. Create it with CreateTopicsAsync first.");
            }
            if ((uint)source.Partition >= (uint)logs.Length)
            {
                throw new EngineException($"{source} does not exist: the topic has {logs.Length} partitions, counted from 0.");
            }
            return logs[source.Partition];
        }
    }

    public MemoryState State(string name, int partition)
    {
        lock (_gate)
        {
            if (!_states.TryGetValue((name, partition), out var state))
            {
                _states.Add((name, partition), state = new MemoryState());
            }
            return state;
        }
    }

    public long Position(string group, TopicPartition source)
    {
        lock (_gate)
        {
            return _positions.GetValueOrDefault((group, source.Topic.Name, source.Partition));
        }
    }

    /// <summary>Applies a commit: nobody sees a part of it in a log, and no two commits interleave.</summary>
    public void Apply(MemoryCommit commit)
    {
        lock (_gate)
        {
            State(commit.Name, commit.Partition).Apply(commit.State);
            if (commit.Position is var (source, offset))
            {
                _positions[(commit.Name, source.Topic.Name, source.Partition)] = offset;
            }
            foreach (var (target, record) in commit.Records)
            {
                Log(target).Append(record);
            }
        }
        foreach (var target in commit.Records.Select(r => r.Target).Distinct())
        {
            Log(target).Announce();
        }
    }
}

/// <summary>All that one commit changes.</summary>
/// <param name="Name">The group or appender.</param>
/// <param name="Partition">Its partition.</param>
/// <param name="State">Keys written, or deleted where the value is null.</param>
/// <param name="Records">Records appended, in order.</param>
/// <param name="Position">The input position it moves to.</param>
internal sealed record MemoryCommit(
    string Name,
    int Partition,
    List<KeyValuePair<byte[], byte[]?>> State,
    List<(TopicPartition Target, MemoryRecord Record)> Records,
    (TopicPartition Source, long Offset)? Position
);
