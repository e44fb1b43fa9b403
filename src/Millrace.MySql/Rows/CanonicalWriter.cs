using System.Runtime.CompilerServices;

namespace Millrace.MySql.Rows;

/// <summary>
/// Writes one row in canonical form into a buffer that is used again and again. Everything that becomes a canonical row, from the binlog or
/// from a SELECT, goes through these methods, so a value has one form. <c>docs/canonical-rows.md</c> lists the forms.
/// </summary>
internal sealed partial class CanonicalWriter(int columns)
{
    readonly CellRange[] _cells = new CellRange[columns];
    byte[] _bytes = new byte[Math.Max(256, columns * 32)];
    int _length;
    int _start;

    public DecodedRow Row => new(_bytes.AsSpan(0, _length), _cells);

    public void BeginRow() => _length = 0;

    /// <summary>Ends the object. A row without any column is <c>{}</c>.</summary>
    public void EndRow()
    {
        if (_length == 0)
            Append((byte)'{');
        Append((byte)'}');
    }

    /// <summary>Writes the column's name; the value follows.</summary>
    public void BeginCell(byte[] quotedNameAndColon)
    {
        var span = Room(quotedNameAndColon.Length + 1);
        span[0] = _length == 0 ? (byte)'{' : (byte)',';
        quotedNameAndColon.CopyTo(span[1..]);
        _length += quotedNameAndColon.Length + 1;
        _start = _length;
    }

    public void EndCell(int ordinal) => _cells[ordinal] = new(_start, _length - _start);

    /// <summary>Puts what stands for it in the place of the value that was just written.</summary>
    public void Mask(ColumnMask mask)
    {
        // Beyond the value, so that it can be read while its mask is written.
        var to = Room(mask.Length);
        var length = mask.Write(_bytes.AsSpan(_start, _length - _start), to);
        to[..length].CopyTo(_bytes.AsSpan(_start));
        _length = _start + length;
    }

    public void Absent(int ordinal) => _cells[ordinal] = CellRange.Absent;

    public void Exclude(int ordinal) => _cells[ordinal] = CellRange.Excluded;

    public void WriteNull()
    {
        "null"u8.CopyTo(Room(4));
        _length += 4;
    }

    /// <summary>Copies a value that is canonical already.</summary>
    public void WriteRaw(ReadOnlySpan<byte> canonical)
    {
        canonical.CopyTo(Room(canonical.Length));
        _length += canonical.Length;
    }

    public void Append(byte b)
    {
        Room(1)[0] = b;
        _length++;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    Span<byte> Room(int count)
    {
        if ((uint)(_length + count) > (uint)_bytes.Length)
            Grow(count);
        return _bytes.AsSpan(_length);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    void Grow(int count)
    {
        var wanted = checked(_length + count);
        Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max((long)_bytes.Length * 2, wanted)));
    }
}
