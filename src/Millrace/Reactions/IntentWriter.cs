using System.Buffers.Binary;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>Appends intents. Their ids come from reaction, key and cause alone, so that they are the same in every generation.</summary>
internal sealed class IntentWriter(string reaction, TopicPartition target, EntitySeal? seal)
{
    private readonly byte[] _reaction = Encoding.UTF8.GetBytes(reaction);
    private readonly KeyBuffer _headers = new();
    private readonly KeyBuffer _id = new();

    /// <summary>How many were appended.</summary>
    public long Count { get; private set; }

    /// <summary>Appends an intent.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="key">The reaction's key.</param>
    /// <param name="time">When it became due, in microseconds.</param>
    /// <param name="cause">What made it due.</param>
    /// <param name="suffix">What tells it from others with the same cause.</param>
    /// <param name="type">Its durable name.</param>
    /// <param name="json">The intent.</param>
    public void Append(
        ITransaction transaction,
        ReadOnlySpan<byte> key,
        long time,
        in IntentCause cause,
        ReadOnlySpan<byte> suffix,
        ReadOnlySpan<byte> type,
        ReadOnlySpan<byte> json
    )
    {
        _id.Clear().Raw(_reaction).Raw("/"u8).Raw(key).Raw("/"u8).Raw(cause.Id).Raw(suffix);
        _headers.Clear();
        RecordHeaders.Write(_headers, Header.Id, _id);
        RecordHeaders.Write(_headers, Header.Type, type);
        RecordHeaders.Write(_headers, Header.Source, _reaction);
        RecordHeaders.Write(_headers, Header.CorrelationId, cause.CorrelationId);
        RecordHeaders.Write(_headers, Header.CausationId, cause.Id);
        if (seal is not null && !cause.Entity.SequenceEqual(key))
        {
            RecordHeaders.Write(_headers, Header.Subject, cause.Entity);
        }
        transaction.Append(target, time, key, _headers, seal is null ? json : seal.Close(cause.Entity, _id, json));
        Count++;
    }

    /// <summary>Packs an intent with its cause, to be appended when a timer fires. Where it is personal, the entity follows the type after a null byte.</summary>
    public void Pack(KeyBuffer destination, in IntentCause cause, ReadOnlySpan<byte> type, ReadOnlySpan<byte> json)
    {
        Part(destination.Clear(), cause.Id);
        Part(destination, cause.CorrelationId);
        Part(destination, seal is null ? type : [.. type, 0, .. cause.Entity]);
        destination.Raw(json);
    }

    /// <summary>Appends what a timer packed.</summary>
    public void AppendFired(ITransaction transaction, DueTimer timer)
    {
        var rest = (ReadOnlySpan<byte>)timer.Payload;
        var id = Part(ref rest);
        var correlation = Part(ref rest);
        var type = Part(ref rest);
        var entity = EntityOf(ref type);
        Append(
            transaction,
            timer.Key,
            timer.Due,
            new IntentCause(id, correlation, entity.IsEmpty ? timer.Key : entity),
            (byte[])[(byte)'@', .. timer.Name],
            type,
            rest
        );
    }

    /// <summary>Whether what a timer packed is wanted because of an entity.</summary>
    public static bool IsOf(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> entity)
    {
        var rest = payload;
        Part(ref rest);
        Part(ref rest);
        var type = Part(ref rest);
        return EntityOf(ref type).SequenceEqual(entity);
    }

    /// <summary>The durable name of what a timer wants.</summary>
    public static string TypeOf(DueTimer timer)
    {
        var rest = (ReadOnlySpan<byte>)timer.Payload;
        Part(ref rest);
        Part(ref rest);
        var type = Part(ref rest);
        EntityOf(ref type);
        return Encoding.UTF8.GetString(type);
    }

    /// <summary>Takes the entity off a packed type; empty where it has none.</summary>
    private static ReadOnlySpan<byte> EntityOf(ref ReadOnlySpan<byte> type)
    {
        var end = type.IndexOf((byte)0);
        if (end < 0)
        {
            return default;
        }
        var entity = type[(end + 1)..];
        type = type[..end];
        return entity;
    }

    private static void Part(KeyBuffer destination, ReadOnlySpan<byte> bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(destination.GetSpan(4), bytes.Length);
        destination.Advance(4);
        destination.Raw(bytes);
    }

    private static ReadOnlySpan<byte> Part(ref ReadOnlySpan<byte> rest)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(rest);
        var part = rest.Slice(4, length);
        rest = rest[(4 + length)..];
        return part;
    }
}

/// <summary>What an intent follows from: an event's id, and what everything began with.</summary>
internal readonly ref struct IntentCause(ReadOnlySpan<byte> id, ReadOnlySpan<byte> correlationId, ReadOnlySpan<byte> entity)
{
    public ReadOnlySpan<byte> Id { get; } = id;
    public ReadOnlySpan<byte> CorrelationId { get; } = correlationId;

    /// <summary>The entity whose event it was.</summary>
    public ReadOnlySpan<byte> Entity { get; } = entity;
}
