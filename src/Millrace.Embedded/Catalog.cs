using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using Millrace.Embedded.Logs;
using Millrace.Embedded.State;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded;

/// <summary>Which topics, groups and appenders there are, by number, and how far each group has read.</summary>
internal sealed class Catalog
{
    private const int Format = 1;
    private static ReadOnlySpan<byte> FormatKey => "format"u8;
    private const byte TopicMark = (byte)'t';
    private const byte OwnerMark = (byte)'o';
    private const byte PositionMark = (byte)'p';

    private readonly RocksStore _store;
    private readonly StateBudget _budget;
    private readonly Action<StateTable> _checkpoint;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _owners = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (int Id, PartitionLog[] Logs)> _topics = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(int Owner, int Topic, int Partition), long> _positions = [];
    private readonly Dictionary<(int Owner, int Partition), StateTable> _tables = [];
    private readonly bool _readOnly;
    private int _lastId;

    /// <summary>Reads it.</summary>
    /// <param name="store">The store.</param>
    /// <param name="budget">How much of the state is kept in memory.</param>
    /// <param name="checkpoint">Told of a table that has enough for a checkpoint.</param>
    /// <param name="folder">The folder, for messages.</param>
    /// <param name="readOnly">Whether it is another process's: what is not there is not made.</param>
    public Catalog(RocksStore store, StateBudget budget, Action<StateTable> checkpoint, string folder, bool readOnly = false)
    {
        _readOnly = readOnly;
        _store = store;
        _budget = budget;
        _checkpoint = checkpoint;
        using var entries = store.Iterate(Families.Catalog);
        using var logs = store.Iterate(Families.Log);
        if (!entries.Seek(FormatKey) || !entries.Key.SequenceEqual(FormatKey))
        {
            if (readOnly)
            {
                throw new EngineException($"The folder '{folder}' has no data of an embedded engine.");
            }
            Store(FormatKey, Format, 0);
        }
        else if (Number(entries.Value) != Format)
        {
            throw new EngineException(
                $"The folder '{folder}' has data of format {Number(entries.Value)}; this version reads {Format}. Use the version that wrote it."
            );
        }
        for (var found = entries.Seek([OwnerMark]); found; found = entries.Next())
        {
            var key = entries.Key;
            if (key[0] == OwnerMark)
            {
                _owners.Add(Encoding.UTF8.GetString(key[1..]), Take(entries.Value));
            }
            else if (key[0] == PositionMark)
            {
                _positions[(Number(key[1..]), Number(key[5..]), Number(key[9..]))] = BinaryPrimitives.ReadInt64BigEndian(entries.Value);
            }
            else if (key[0] == TopicMark)
            {
                var id = Take(entries.Value);
                var topic = new Topic(Encoding.UTF8.GetString(key[1..]), Number(entries.Value[4..]));
                _topics[topic.Name] = (id, Open(topic, id, logs));
            }
        }
    }

    public void Create(IEnumerable<Topic> topics)
    {
        lock (_gate)
        {
            foreach (var topic in topics)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(topic.Partitions, 1);
                if (!_topics.TryGetValue(topic.Name, out var existing))
                {
                    Store([TopicMark, .. Encoding.UTF8.GetBytes(topic.Name)], ++_lastId, topic.Partitions);
                    _topics[topic.Name] = (_lastId, Open(topic, _lastId, null));
                }
                else if (existing.Logs.Length != topic.Partitions)
                {
                    throw new EngineException(
                        $"Topic '{topic.Name}' exists with {existing.Logs.Length} partitions and was asked for with {topic.Partitions}. The "
                            + "number of partitions is fixed at creation: ask for as many as it has, or use another name."
                    );
                }
            }
        }
    }

    /// <summary>Gives topics more partitions. Readers and loops hold on to the logs they have, which stay what they are.</summary>
    public void AddPartitions(IEnumerable<Topic> topics)
    {
        lock (_gate)
        {
            foreach (var topic in topics)
            {
                if (!_topics.TryGetValue(topic.Name, out var existing))
                {
                    existing = (++_lastId, []);
                }
                if (existing.Logs.Length < topic.Partitions)
                {
                    Store([TopicMark, .. Encoding.UTF8.GetBytes(topic.Name)], existing.Id, topic.Partitions);
                    _topics[topic.Name] = (existing.Id, [.. existing.Logs, .. Open(topic, existing.Id, null)[existing.Logs.Length..]]);
                }
            }
        }
    }

    public PartitionLog Log(TopicPartition source)
    {
        var logs = Topic(source.Topic.Name).Logs;
        return (uint)source.Partition < (uint)logs.Length
            ? logs[source.Partition]
            : throw new EngineException($"{source} does not exist: the topic has {logs.Length} partitions, counted from 0.");
    }

    /// <summary>The table of a group's partition, or of an appender's (partition 0).</summary>
    public StateTable Table(string name, int partition)
    {
        lock (_gate)
        {
            var owner = OwnerId(name);
            if (!_tables.TryGetValue((owner, partition), out var table))
            {
                _tables.Add((owner, partition), table = new StateTable(_store, owner, partition, _budget, _checkpoint));
            }
            return table;
        }
    }

    /// <summary>About how many bytes of files the state of a group takes.</summary>
    public long StateBytes(string group)
    {
        Span<byte> from = stackalloc byte[4];
        Span<byte> to = stackalloc byte[4];
        lock (_gate)
        {
            if (!_owners.TryGetValue(group, out var owner))
            {
                return 0;
            }
            BinaryPrimitives.WriteInt32BigEndian(from, owner);
            BinaryPrimitives.WriteInt32BigEndian(to, owner + 1);
        }
        return _store.ApproximateSize(Families.State, from, to) + _store.ApproximateSize(Families.Delta, from, to);
    }

    public StateTable[] Tables()
    {
        lock (_gate)
        {
            return [.. _tables.Values];
        }
    }

    public InputPosition Position(string group, TopicPartition source)
    {
        lock (_gate)
        {
            return new InputPosition(this, OwnerId(group), Topic(source.Topic.Name).Id, source.Partition);
        }
    }

    public long CommittedOffset(string group, TopicPartition source)
    {
        lock (_gate)
        {
            return _owners.TryGetValue(group, out var owner)
                ? _positions.GetValueOrDefault((owner, Topic(source.Topic.Name).Id, source.Partition))
                : 0;
        }
    }

    private (int Id, PartitionLog[] Logs) Topic(string name) =>
        _topics.TryGetValue(name, out var topic)
            ? topic
            : throw new EngineException($"Topic '{name}' does not exist. Create it with CreateTopicsAsync first.");

    private int OwnerId(string name)
    {
        if (!_owners.TryGetValue(name, out var id))
        {
            id = _lastId + 1;
            if (_readOnly)
            {
                // Nobody has it, so its state is empty.
                return id;
            }
            Store([OwnerMark, .. Encoding.UTF8.GetBytes(name)], id, 0);
            _lastId = id;
            _owners.Add(name, id);
        }
        return id;
    }

    private static PartitionLog[] Open(Topic topic, int id, RocksIterator? stored)
    {
        var logs = new PartitionLog[topic.Partitions];
        for (var p = 0; p < logs.Length; p++)
        {
            logs[p] = new PartitionLog(new TopicPartition(topic, p), id, stored is null ? 0 : PartitionLog.StoredEnd(stored, id, p));
        }
        return logs;
    }

    private int Take(ReadOnlySpan<byte> value)
    {
        var id = Number(value);
        _lastId = Math.Max(_lastId, id);
        return id;
    }

    private void Store(ReadOnlySpan<byte> key, int first, int second)
    {
        Span<byte> value = stackalloc byte[8];
        BinaryPrimitives.WriteInt32BigEndian(value, first);
        BinaryPrimitives.WriteInt32BigEndian(value[4..], second);
        using var batch = new WriteBatch(_store);
        batch.Put(Families.Catalog, key, value);
        _store.Write(batch);
    }

    private static int Number(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32BigEndian(bytes);

    /// <summary>How far one group has read one partition.</summary>
    public sealed class InputPosition(Catalog catalog, int owner, int topic, int partition)
    {
        public const int KeyLength = 13;

        public long Committed => catalog._positions.GetValueOrDefault((owner, topic, partition));

        /// <summary>Adds a move to a commit.</summary>
        public void Write(WriteBatch batch, long offset)
        {
            Span<byte> key = stackalloc byte[KeyLength];
            Span<byte> value = stackalloc byte[8];
            key[0] = PositionMark;
            BinaryPrimitives.WriteInt32BigEndian(key[1..], owner);
            BinaryPrimitives.WriteInt32BigEndian(key[5..], topic);
            BinaryPrimitives.WriteInt32BigEndian(key[9..], partition);
            BinaryPrimitives.WriteInt64BigEndian(value, offset);
            batch.Put(Families.Catalog, key, value);
        }

        /// <summary>The move is stored.</summary>
        public void Moved(long offset) => catalog._positions[(owner, topic, partition)] = offset;
    }
}
