using System.Buffers;
using System.Buffers.Text;

namespace Millrace.MySql.Rows;

internal sealed partial class CanonicalWriter
{
    static readonly SearchValues<byte> MustEscape = SearchValues.Create([
        .. Enumerable.Range(0, 0x20).Select(control => (byte)control),
        (byte)'"',
        (byte)'\\',
    ]);

    byte[] _scratch = new byte[256];

    /// <summary>A string in a column's charset.</summary>
    /// <exception cref="FormatException">The bytes are no text of that charset.</exception>
    public void WriteText(Charset charset, ReadOnlySpan<byte> text)
    {
        if (charset.IsUtf8 ? !charset.IsValid(text) : !System.Text.Ascii.IsValid(text) || !charset.IsAsciiBased)
        {
            if (charset.IsUtf8)
                throw new FormatException($"The bytes are not valid {charset.Name}.");
            var length = charset.ToUtf8(text, ref _scratch); // may replace the scratch
            WriteUtf8(_scratch.AsSpan(0, length));
        }
        else
            WriteUtf8(text);
    }

    /// <summary>A string that is UTF-8 already. Only what JSON requires is escaped.</summary>
    public void WriteUtf8(ReadOnlySpan<byte> text)
    {
        Append((byte)'"');
        WriteEscaped(text);
        Append((byte)'"');
    }

    /// <summary>The inside of a string.</summary>
    public void WriteEscaped(ReadOnlySpan<byte> text)
    {
        while (true)
        {
            var clean = text.IndexOfAny(MustEscape);
            if (clean < 0)
            {
                WriteRaw(text);
                return;
            }
            WriteRaw(text[..clean]);
            Escape(text[clean]);
            text = text[(clean + 1)..];
        }
    }

    /// <summary>Bytes as base64.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="padTo">BINARY(n): the server strips trailing zeros from the binlog, they come back up to n.</param>
    public void WriteBytes(ReadOnlySpan<byte> bytes, int padTo = 0)
    {
        if (bytes.Length < padTo)
        {
            Scratch(padTo);
            bytes.CopyTo(_scratch);
            _scratch.AsSpan(bytes.Length, padTo - bytes.Length).Clear();
            bytes = _scratch.AsSpan(0, padTo);
        }
        Append((byte)'"');
        WriteBase64(bytes);
        Append((byte)'"');
    }

    /// <summary>Base64 without quotes.</summary>
    public void WriteBase64(ReadOnlySpan<byte> bytes)
    {
        Base64.EncodeToUtf8(bytes, Room(checked((bytes.Length + 2) / 3 * 4)), out _, out var written);
        _length += written;
    }

    /// <summary>A buffer of at least <paramref name="size"/> bytes for a value on its way; its content lasts until the next value.</summary>
    public byte[] Scratch(int size)
    {
        if (_scratch.Length < size)
            _scratch = new byte[Math.Max(size, (int)Math.Min(Array.MaxLength, _scratch.Length * 2L))];
        return _scratch;
    }

    void Escape(byte b)
    {
        var span = Room(6);
        span[0] = (byte)'\\';
        var letter = b switch
        {
            (byte)'"' => (byte)'"',
            (byte)'\\' => (byte)'\\',
            (byte)'\b' => (byte)'b',
            (byte)'\t' => (byte)'t',
            (byte)'\n' => (byte)'n',
            (byte)'\f' => (byte)'f',
            (byte)'\r' => (byte)'r',
            _ => (byte)'u',
        };
        span[1] = letter;
        if (letter != 'u')
        {
            _length += 2;
            return;
        }
        "00"u8.CopyTo(span[2..]);
        span[4] = (byte)('0' + (b >> 4));
        span[5] = "0123456789abcdef"u8[b & 15];
        _length += 6;
    }
}
