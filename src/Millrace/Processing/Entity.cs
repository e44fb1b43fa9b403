using System.Buffers;
using System.Buffers.Binary;

namespace Millrace;

/// <summary>
/// One entity at hand: what its state key holds, and the objects made of it. The root's row lies here, beside the state, so that a change
/// of the root costs one write; children have keys of their own.
/// </summary>
internal sealed class Entity<TState>(byte[] key, int tables)
    where TState : class
{
    private const byte Format = 1;

    /// <summary>The entity's id, UTF-8: the key of its commands and events.</summary>
    public readonly byte[] Key = key;

    public readonly EntityId Id = System.Text.Encoding.UTF8.GetString(key);

    /// <summary>How many rows it has of each table, by the table's place in the aggregate; [0] is the root.</summary>
    public readonly int[] Counts = new int[tables];

    /// <summary>The entity's command ordinal.</summary>
    public long Sequence;

    /// <summary>Parked or waiting for a reference: its commands queue.</summary>
    public bool Held;

    /// <summary>The number of the next command that queues while it is held.</summary>
    public int NextInQueue;

    /// <summary>The snapshot that showed the root last.</summary>
    public int RootMark;

    public byte[] RootRow = [];
    public int RootLength;

    /// <summary>The root's record, made when first asked for.</summary>
    public object? Root;

    public TState State = null!;

    /// <summary>How much of <see cref="StateJson"/> is the state as it is now; 0 where that has not been written yet.</summary>
    public int StateLength;
    private byte[] _stateBytes = [];

    /// <summary>How many of its rows the partition counts as waiting for the root.</summary>
    public int CountedWaiting;

    /// <summary>The time of the command since which they wait; used where they are first counted.</summary>
    public long WaitingSince;

    /// <summary>Rows that wait for the root.</summary>
    public int Waiting => HasRoot ? 0 : Counts.Sum();

    /// <summary>Changed since it was last written.</summary>
    public bool Dirty;

    /// <summary>Used since the clock hand passed.</summary>
    public bool Used;

    public bool HasRoot => Counts[0] > 0;

    public ReadOnlySpan<byte> StateJson => _stateBytes.AsSpan(0, StateLength);

    public ReadOnlySpan<byte> RootJson => RootRow.AsSpan(0, RootLength);

    public bool IsEmpty
    {
        get
        {
            foreach (var count in Counts)
            {
                if (count > 0)
                {
                    return false;
                }
            }
            return Sequence == 0 && !Held;
        }
    }

    public void SetRoot(ReadOnlySpan<byte> json)
    {
        if (RootRow.Length < json.Length)
        {
            RootRow = new byte[json.Length + json.Length / 4];
        }
        json.CopyTo(RootRow);
        RootLength = json.Length;
        Root = null;
    }

    /// <summary>Is as if it had never been.</summary>
    public void Forget(TState initial)
    {
        Array.Clear(Counts);
        Sequence = 0;
        Held = false;
        NextInQueue = 0;
        RootMark = 0;
        RootRow = [];
        RootLength = 0;
        Root = null;
        State = initial;
        _stateBytes = [];
        StateLength = 0;
    }

    public void SetState(ReadOnlySpan<byte> json)
    {
        if (_stateBytes.Length < json.Length)
        {
            _stateBytes = new byte[json.Length + json.Length / 4];
        }
        json.CopyTo(_stateBytes);
        StateLength = json.Length;
    }

    /// <summary>Writes what the state key holds. The state's JSON is given, empty for the initial state.</summary>
    public void Write(ArrayBufferWriter<byte> value, ReadOnlySpan<byte> state)
    {
        var span = value.GetSpan(32 + 4 * Counts.Length + RootLength + state.Length);
        span[0] = Format;
        span[1] = (byte)(Held ? 1 : 0);
        BinaryPrimitives.WriteInt64LittleEndian(span[2..], Sequence);
        BinaryPrimitives.WriteInt32LittleEndian(span[10..], RootMark);
        BinaryPrimitives.WriteInt32LittleEndian(span[14..], NextInQueue);
        var at = 18;
        span[at++] = (byte)Counts.Length;
        foreach (var count in Counts)
        {
            BinaryPrimitives.WriteInt32LittleEndian(span[at..], count);
            at += 4;
        }
        BinaryPrimitives.WriteInt32LittleEndian(span[at..], RootLength);
        at += 4;
        RootJson.CopyTo(span[at..]);
        at += RootLength;
        state.CopyTo(span[at..]);
        value.Advance(at + state.Length);
    }

    /// <summary>Whether a state value has a root that no snapshot with this id or a later one showed.</summary>
    public static bool RootIsBelow(ReadOnlySpan<byte> value, int snapshot) =>
        BinaryPrimitives.ReadInt32LittleEndian(value[19..]) > 0 && BinaryPrimitives.ReadInt32LittleEndian(value[10..]) < snapshot;

    /// <summary>Reads from a state value how many rows wait for the root.</summary>
    public static int ReadWaiting(ReadOnlySpan<byte> value)
    {
        Span<int> counts = stackalloc int[value[18]];
        ReadCounts(value, counts);
        var waiting = 0;
        foreach (var count in counts)
        {
            waiting += count;
        }
        return counts[0] > 0 ? 0 : waiting;
    }

    /// <summary>Reads from a state value how many rows there are of each table.</summary>
    public static void ReadCounts(ReadOnlySpan<byte> value, Span<int> counts)
    {
        for (var i = 0; i < Math.Min(counts.Length, value[18]); i++)
        {
            counts[i] = BinaryPrimitives.ReadInt32LittleEndian(value[(19 + (4 * i))..]);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote; returns the state's JSON.</summary>
    public ReadOnlySpan<byte> Read(ReadOnlySpan<byte> value)
    {
        if (value[0] != Format)
        {
            throw new FormatException($"The entity {Id} was written by another version (format {value[0]}).");
        }
        Held = value[1] != 0;
        Sequence = BinaryPrimitives.ReadInt64LittleEndian(value[2..]);
        RootMark = BinaryPrimitives.ReadInt32LittleEndian(value[10..]);
        NextInQueue = BinaryPrimitives.ReadInt32LittleEndian(value[14..]);
        int tables = value[18];
        var at = 19;
        for (var i = 0; i < tables; i++, at += 4)
        {
            // A table that was mirrored by an earlier topology no longer counts.
            if (i < Counts.Length)
            {
                Counts[i] = BinaryPrimitives.ReadInt32LittleEndian(value[at..]);
            }
        }
        var length = BinaryPrimitives.ReadInt32LittleEndian(value[at..]);
        at += 4;
        SetRoot(value.Slice(at, length));
        CountedWaiting = Waiting;
        return value[(at + length)..];
    }
}
