using System.Buffers.Binary;

namespace Millrace;

/// <summary>
/// Whether a count may fire, and the snapshot's row that took it over the threshold without firing. Armed at or below the threshold; fired
/// once above it.
/// </summary>
internal sealed class Crossing
{
    private byte[] _id = [];
    private byte[] _entity = [];
    private byte[] _correlation = [];
    private bool _armed = true;

    /// <summary>Whether it is armed and the count is above the threshold.</summary>
    public bool IsAbove { get; private set; }

    /// <summary>The event that crossed without firing; empty where none did.</summary>
    public ReadOnlySpan<byte> Id => _id;
    public ReadOnlySpan<byte> Entity => _entity;
    public ReadOnlySpan<byte> CorrelationId => _correlation;

    public void Reset()
    {
        _armed = true;
        _id = [];
        _entity = [];
        _correlation = [];
    }

    /// <summary>The count goes from one number to another.</summary>
    public void Move(int before, int after, int threshold)
    {
        if (before <= threshold)
        {
            Reset();
        }
        IsAbove = _armed && after > threshold;
    }

    public void Fired()
    {
        Reset();
        _armed = false;
    }

    public void Remember(ReadOnlySpan<byte> id, ReadOnlySpan<byte> entity, ReadOnlySpan<byte> correlation)
    {
        _id = id.ToArray();
        _entity = entity.ToArray();
        _correlation = correlation.ToArray();
    }

    public void Write(KeyBuffer destination)
    {
        destination.Raw([_armed ? (byte)1 : (byte)0]);
        Part(destination, _id);
        Part(destination, _entity);
        Part(destination, _correlation);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <returns>What comes after it.</returns>
    public ReadOnlySpan<byte> Read(ReadOnlySpan<byte> bytes)
    {
        _armed = bytes[0] == 1;
        bytes = bytes[1..];
        _id = Part(ref bytes);
        _entity = Part(ref bytes);
        _correlation = Part(ref bytes);
        return bytes;
    }

    private static void Part(KeyBuffer destination, byte[] bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(destination.GetSpan(4), bytes.Length);
        destination.Advance(4);
        destination.Raw(bytes);
    }

    private static byte[] Part(ref ReadOnlySpan<byte> rest)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(rest);
        var part = length == 0 ? [] : rest.Slice(4, length).ToArray();
        rest = rest[(4 + length)..];
        return part;
    }
}
