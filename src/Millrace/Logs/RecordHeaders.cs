using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Millrace.Engines;

/// <summary>
/// The headers Millrace puts on records. The numbers are durable. On Kafka each becomes a header with the name given,
/// after the CloudEvents Kafka protocol binding (binary mode).
/// </summary>
[Experimental("MILL0001")]
public enum Header : byte
{
    /// <summary><c>ce_id</c>: the record's identity, the same in every generation.</summary>
    Id = 1,

    /// <summary><c>ce_type</c>: the durable name of the message's type.</summary>
    Type = 2,

    /// <summary><c>ce_source</c>: what published it.</summary>
    Source = 3,

    /// <summary><c>ce_subject</c>: the entity; left out where it is the key.</summary>
    Subject = 4,

    /// <summary><c>ce_time</c>: RFC 3339; left out where it is the record's time.</summary>
    Time = 5,

    /// <summary><c>partitionkey</c>; left out where it is the key.</summary>
    PartitionKey = 6,

    /// <summary><c>correlationid</c>: the source transaction or client request everything began with.</summary>
    CorrelationId = 7,

    /// <summary><c>causationid</c>: the id of the record that caused this one.</summary>
    CausationId = 8,

    /// <summary><c>sequence</c>: the entity's command ordinal.</summary>
    Sequence = 9,

    /// <summary><c>millrace_position</c>: the source position, see <see cref="Millrace.Sources.SourcePosition"/>.</summary>
    Position = 10,

    /// <summary><c>millrace_kind</c>: one byte, a <see cref="RecordKind"/>; absent means <see cref="RecordKind.Message"/>.</summary>
    Kind = 11,

    /// <summary><c>millrace_snapshot</c>: present when the record comes from rows read by a snapshot.</summary>
    Snapshot = 12,

    /// <summary><c>millrace_key</c>: a client's idempotency key.</summary>
    IdempotencyKey = 13,

    /// <summary><c>millrace_expected</c>: the sequence a client expects the entity to be at.</summary>
    ExpectedSequence = 14,

    /// <summary><c>millrace_feed</c>: the partition of the log it was derived from, where records of many feeds meet.</summary>
    Feed = 15,

    /// <summary><c>traceparent</c>: W3C trace context.</summary>
    TraceParent = 16,

    /// <summary><c>millrace_decider</c>: the partition of the command log that a control in an event log comes from, where it is not the event log's own number.</summary>
    Decider = 17,
}

/// <summary>What a record is, for the runtime.</summary>
[Experimental("MILL0001")]
public enum RecordKind : byte
{
    /// <summary>A command, event, or intent: the value is the message.</summary>
    Message = 0,

    /// <summary>A command made of row changes.</summary>
    Changes = 1,

    /// <summary>A record of the runtime itself (tick, settings, snapshot marks, code); the type header says which.</summary>
    Control = 2,
}

/// <summary>
/// Reads packed headers: a sequence of (code, length as LEB128, bytes). Packing keeps a record's headers one span, so that they
/// are copied, never parsed, on their way.
/// </summary>
[Experimental("MILL0001")]
public readonly ref struct RecordHeaders(ReadOnlySpan<byte> packed)
{
    private readonly ReadOnlySpan<byte> _packed = packed;

    /// <summary>Finds a header.</summary>
    /// <param name="header">The header to find.</param>
    /// <param name="value">Its bytes, or empty.</param>
    /// <returns>Whether it is there.</returns>
    public bool TryGet(Header header, out ReadOnlySpan<byte> value)
    {
        foreach (var entry in this)
        {
            if (entry.Header == header)
            {
                value = entry.Value;
                return true;
            }
        }
        value = default;
        return false;
    }

    /// <summary>A header's bytes, or empty where it is absent.</summary>
    public ReadOnlySpan<byte> this[Header header] => TryGet(header, out var value) ? value : default;

    /// <summary>The record's kind.</summary>
    public RecordKind Kind => TryGet(Header.Kind, out var value) ? (RecordKind)value[0] : RecordKind.Message;

    /// <summary>Enumerates the headers in order.</summary>
    public Enumerator GetEnumerator() => new(_packed);

    /// <summary>Appends one header to a packed buffer.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="header">Which.</param>
    /// <param name="value">Its bytes.</param>
    public static void Write(IBufferWriter<byte> destination, Header header, ReadOnlySpan<byte> value)
    {
        var span = destination.GetSpan(6 + value.Length);
        span[0] = (byte)header;
        var at = 1;
        var length = (uint)value.Length;
        for (; length >= 0x80; length >>= 7)
        {
            span[at++] = (byte)(length | 0x80);
        }
        span[at++] = (byte)length;
        value.CopyTo(span[at..]);
        destination.Advance(at + value.Length);
    }

    /// <summary>One header.</summary>
    public readonly ref struct Entry(Header header, ReadOnlySpan<byte> value)
    {
        /// <summary>Which.</summary>
        public Header Header { get; } = header;

        /// <summary>Its bytes.</summary>
        public ReadOnlySpan<byte> Value { get; } = value;
    }

    /// <summary>Walks packed headers.</summary>
    public ref struct Enumerator(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        /// <summary>The header reached.</summary>
        public Entry Current { get; private set; }

        /// <summary>Goes to the next header.</summary>
        public bool MoveNext()
        {
            if (_rest.IsEmpty)
            {
                return false;
            }
            var header = (Header)_rest[0];
            int length = 0,
                shift = 0,
                at = 1;
            byte part;
            do
            {
                part = _rest[at++];
                length |= (part & 0x7F) << shift;
                shift += 7;
            } while (part >= 0x80);
            Current = new Entry(header, _rest.Slice(at, length));
            _rest = _rest[(at + length)..];
            return true;
        }
    }
}
