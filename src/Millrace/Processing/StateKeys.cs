using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;

namespace Millrace;

/// <summary>
/// The keys of a deciding partition's state. The first byte says what it is; an entity id is closed by 00 01 (a 00 in it becomes 00 FF), so
/// that everything of one entity is one range.
/// </summary>
internal static class StateKeys
{
    public const byte Entity = 1;
    public const byte Child = 2;
    public const byte Partition = 3;
    public const byte Reference = 4;
    public const byte WaitingOnReference = 5;
    public const byte Queue = 6;
    public const byte Held = 7;
    public const byte Idempotency = 8;
    public const byte IdempotencyExpiry = 9;
    public const byte WaitingEntity = 10;
    public const byte Unpublished = 11;

    /// <summary>What came before everything was handed over, by the order in which it came.</summary>
    public const byte Backlog = 12;

    public static ReadOnlySpan<byte> Position => [Partition, 1];
    public static ReadOnlySpan<byte> Snapshots => [Partition, 2];
    public static ReadOnlySpan<byte> Sweeps => [Partition, 3];
    public static ReadOnlySpan<byte> Time => [Partition, 4];
    public static ReadOnlySpan<byte> WaitingRows => [Partition, 5];
    public static ReadOnlySpan<byte> Tables => [Partition, 6];
    public static ReadOnlySpan<byte> References => [Partition, 7];
    public static ReadOnlySpan<byte> Whole => [Partition, 8];
    public static ReadOnlySpan<byte> Generation => [Partition, 9];
    public static ReadOnlySpan<byte> Epochs => [Partition, 10];
    public static ReadOnlySpan<byte> Moves => [Partition, 11];
    public static ReadOnlySpan<byte> Arrived => [Partition, 12];

    /// <summary>Begins a key: what it is and whose.</summary>
    public static void Begin(ArrayBufferWriter<byte> key, byte kind, ReadOnlySpan<byte> entity)
    {
        key.ResetWrittenCount();
        key.GetSpan(1)[0] = kind;
        key.Advance(1);
        Text(key, entity);
    }

    /// <summary>Begins a key: what it is and of which table.</summary>
    public static void Begin(ArrayBufferWriter<byte> key, byte kind, byte table)
    {
        key.ResetWrittenCount();
        var span = key.GetSpan(2);
        span[0] = kind;
        span[1] = table;
        key.Advance(2);
    }

    public static void Text(ArrayBufferWriter<byte> key, ReadOnlySpan<byte> text)
    {
        var span = key.GetSpan(text.Length * 2 + 2);
        var at = 0;
        foreach (var b in text)
        {
            span[at++] = b;
            if (b == 0)
            {
                span[at++] = 0xFF;
            }
        }
        span[at++] = 0;
        span[at++] = 1;
        key.Advance(at);
    }

    /// <summary>Reads what <see cref="Text"/> wrote; returns how many bytes it took.</summary>
    public static int ReadText(ReadOnlySpan<byte> key, ArrayBufferWriter<byte> text)
    {
        for (var i = 0; i < key.Length; i++)
        {
            if (key[i] != 0)
            {
                text.Write(key.Slice(i, 1));
            }
            else if (key[++i] == 1)
            {
                return i + 1;
            }
            else
            {
                text.Write("\0"u8);
            }
        }
        throw new FormatException("A key in the state does not end.");
    }

    /// <summary>Reads whose a key of one entity is.</summary>
    public static void ReadEntity(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ArrayBufferWriter<byte> entity)
    {
        switch (key[0])
        {
            case WaitingOnReference:
                entity.Write(value);
                break;
            case IdempotencyExpiry:
                // The value is the other key.
                ReadText(value[1..], entity);
                break;
            default:
                ReadText(key[1..], entity);
                break;
        }
    }

    public static void Byte(ArrayBufferWriter<byte> key, byte value)
    {
        key.GetSpan(1)[0] = value;
        key.Advance(1);
    }

    public static void Long(ArrayBufferWriter<byte> key, long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(key.GetSpan(8), value ^ long.MinValue);
        key.Advance(8);
    }

    /// <summary>A row's key, given as a JSON array of its values, as bytes that sort as the values do: integers by value, text by its bytes.</summary>
    public static void RowKey(ArrayBufferWriter<byte> key, ReadOnlySpan<byte> array)
    {
        Span<byte> scratch = stackalloc byte[256];
        for (var at = 1; at < array.Length && array[at] != (byte)']'; )
        {
            if (array[at] == (byte)',')
            {
                at++;
            }
            var end = JsonScan.EndOfValue(array, at);
            var value = array[at..end];
            if (value[0] == (byte)'"')
            {
                Byte(key, 4);
                Text(key, JsonScan.Text(value, scratch));
            }
            else if (Utf8Parser.TryParse(value, out long number, out var used) && used == value.Length)
            {
                Byte(key, 2);
                Long(key, number);
            }
            else if (Utf8Parser.TryParse(value, out ulong large, out used) && used == value.Length)
            {
                Byte(key, 3);
                BinaryPrimitives.WriteUInt64BigEndian(key.GetSpan(8), large);
                key.Advance(8);
            }
            else
            {
                Byte(key, 5);
                Text(key, value);
            }
            at = end;
        }
    }

    /// <summary>The first key after every key that begins with this one.</summary>
    public static byte[] After(ReadOnlySpan<byte> prefix)
    {
        var after = prefix.ToArray();
        for (var i = after.Length - 1; i >= 0; i--)
        {
            if (++after[i] != 0)
            {
                return after[..(i + 1)];
            }
        }
        return [];
    }
}
