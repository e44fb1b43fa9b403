using System.Diagnostics.CodeAnalysis;

namespace Millrace.Engines;

/// <summary>One record read from a log. Its memory belongs to the batch and is valid only until the batch is given back.</summary>
/// <param name="offset">Its place in its partition, from 0.</param>
/// <param name="time">Its time, in microseconds since 1970-01-01T00:00:00Z.</param>
/// <param name="key">The key, UTF-8.</param>
/// <param name="headers">The headers, packed; read them with <see cref="RecordHeaders"/>.</param>
/// <param name="value">The value, UTF-8 JSON.</param>
[Experimental("MILL0001")]
public readonly struct Record(long offset, long time, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> headers, ReadOnlyMemory<byte> value)
{
    /// <summary>Its place in its partition, from 0.</summary>
    public long Offset => offset;

    /// <summary>Its time, in microseconds since 1970-01-01T00:00:00Z.</summary>
    public long Time => time;

    /// <summary>The key, UTF-8.</summary>
    public ReadOnlyMemory<byte> Key => key;

    /// <summary>The headers, packed; read them with <see cref="RecordHeaders"/>.</summary>
    public ReadOnlyMemory<byte> Headers => headers;

    /// <summary>The value, UTF-8 JSON.</summary>
    public ReadOnlyMemory<byte> Value => value;
}

/// <summary>Consecutive records of one partition. Empty when a processor is called only because it asked to be.</summary>
/// <param name="Source">The partition they are from.</param>
/// <param name="Records">The records, by ascending offset.</param>
[Experimental("MILL0001")]
public readonly record struct RecordBatch(TopicPartition Source, ReadOnlyMemory<Record> Records);
