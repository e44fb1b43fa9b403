using System.Buffers.Binary;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>What an executor keeps of each intent until it is done. The bytes are durable.</summary>
/// <param name="Tries">How often it was tried.</param>
/// <param name="NotBefore">When it may be tried again, in microseconds by the wall clock.</param>
/// <param name="Reason">Why the last try failed, or why it was skipped.</param>
/// <param name="Record">The intent's record.</param>
internal readonly record struct IntentState(int Tries, long NotBefore, string Reason, Incoming Record)
{
    /// <summary>To be carried out.</summary>
    public const byte Pending = 1;

    /// <summary>Set aside after too many tries.</summary>
    public const byte Parked = 2;

    /// <summary>Given up by an operator.</summary>
    public const byte Skipped = 3;

    public static KeyBuffer Key(KeyBuffer key, byte kind, long sequence) => key.Start(kind).Number(sequence);

    public static long SequenceOf(ReadOnlySpan<byte> key) => KeyBuffer.ReadNumber(key[1..]);

    public void Write(KeyBuffer destination)
    {
        var span = destination.Clear().GetSpan(16);
        BinaryPrimitives.WriteInt32LittleEndian(span, Tries);
        BinaryPrimitives.WriteInt64LittleEndian(span[4..], NotBefore);
        BinaryPrimitives.WriteInt32LittleEndian(span[12..], Encoding.UTF8.GetByteCount(Reason));
        destination.Advance(16);
        destination.Raw(Encoding.UTF8.GetBytes(Reason));
        Record.Write(destination);
    }

    public static IntentState Read(ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span;
        var reason = BinaryPrimitives.ReadInt32LittleEndian(span[12..]);
        return new(
            BinaryPrimitives.ReadInt32LittleEndian(span),
            BinaryPrimitives.ReadInt64LittleEndian(span[4..]),
            Encoding.UTF8.GetString(span.Slice(16, reason)),
            Incoming.Read(bytes[(16 + reason)..])
        );
    }

    /// <summary>The intent as executors get it.</summary>
    public IntentRecord ToIntent()
    {
        var headers = new EventHeaders(Record.Headers.Span);
        return new(
            Encoding.UTF8.GetString(headers.Id),
            Encoding.UTF8.GetString(headers.Type),
            Encoding.UTF8.GetString(headers.Source),
            Encoding.UTF8.GetString(Record.Key.Span),
            Record.Time,
            Encoding.UTF8.GetString(headers.CorrelationId),
            Record.Value
        );
    }

    /// <summary>Lists a kind in one partition's committed state.</summary>
    public static IEnumerable<(long Sequence, IntentState State)> List(IStateReader state, byte kind)
    {
        using var cursor = state.Range([kind], [(byte)(kind + 1)]);
        while (cursor.MoveNext())
        {
            yield return (SequenceOf(cursor.Key), Read(cursor.Value.ToArray()));
        }
    }
}
