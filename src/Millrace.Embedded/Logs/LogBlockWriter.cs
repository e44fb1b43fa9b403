using System.Buffers;
using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace.Embedded.Logs;

/// <summary>Encodes records into a block.</summary>
internal sealed class LogBlockWriter(PartitionLog target)
{
    /// <summary>A block that reaches this many bytes is closed, so that one never grows beyond what an array can hold.</summary>
    public const int FullAt = 16 << 20;

    private byte[] _bytes = [];
    private int _length;
    private int _count;

    public PartitionLog Target { get; } = target;

    public int Count => _count;

    public int Length => _length;

    /// <summary>The offset of the block's first record, set by the committer.</summary>
    public long First { get; set; }

    /// <summary>Set by the committer when the block was stored and its readers are still to be told.</summary>
    public bool Committed { get; set; }

    public bool Full => _length >= FullAt;

    public void Append(long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        var most = (long)_length + LogBlock.HeaderLength + 15 + 8 + key.Length + headers.Length + value.Length;
        if (most > _bytes.Length)
        {
            Grow(most);
        }
        var at = _length == 0 ? LogBlock.HeaderLength : _length;
        at = WriteLength(at, key.Length);
        at = WriteLength(at, headers.Length);
        at = WriteLength(at, value.Length);
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(at), time);
        at += 8;
        key.CopyTo(_bytes.AsSpan(at));
        at += key.Length;
        headers.CopyTo(_bytes.AsSpan(at));
        at += headers.Length;
        value.CopyTo(_bytes.AsSpan(at));
        _length = at + value.Length;
        _count++;
    }

    /// <summary>Closes the block: its bytes as they are stored.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        _bytes[0] = LogBlock.Version;
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(1), _count);
        return _bytes.AsSpan(0, _length);
    }

    /// <summary>Hands the closed and stored block over; the writer begins a new one.</summary>
    public LogBlock Take()
    {
        var block = new LogBlock(_bytes, _count) { First = First };
        _bytes = [];
        _length = 0;
        _count = 0;
        Committed = true;
        return block;
    }

    /// <summary>Forgets what was appended.</summary>
    public void Clear()
    {
        _length = 0;
        _count = 0;
    }

    private void Grow(long needed)
    {
        if (needed > Array.MaxLength)
        {
            throw new EngineException($"A record for {Target.Name} is larger than 2 GB.");
        }
        // Small at first: an idle system writes a block for every record, and recent blocks stay in memory.
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Array.MaxLength, Math.Max(needed, _bytes.Length * 2L)));
        _bytes.AsSpan(0, _length).CopyTo(larger);
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
        _bytes = larger;
    }

    private int WriteLength(int at, int length)
    {
        var rest = (uint)length;
        for (; rest >= 0x80; rest >>= 7)
        {
            _bytes[at++] = (byte)(rest | 0x80);
        }
        _bytes[at++] = (byte)rest;
        return at;
    }
}
