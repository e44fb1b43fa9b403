using System.Collections.Concurrent;
using System.Text;
using System.Text.Unicode;

namespace Millrace.MySql.Rows;

/// <summary>
/// A server's character set and how its bytes become UTF-8. Only sets whose every character .NET decodes as both servers do (compared character by
/// character with <c>CONVERT(… USING utf32)</c>), a few of them after a correction, are here; others are refused.
/// </summary>
internal abstract class Charset(string name)
{
    static readonly ConcurrentDictionary<string, Charset?> Known = new(StringComparer.Ordinal);

    static Charset() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    /// <summary>The server's name of it.</summary>
    public string Name { get; } = name;

    /// <summary>Whether the bytes are UTF-8 as they are.</summary>
    public virtual bool IsUtf8 => false;

    /// <summary>Whether bytes below 0x80 mean ASCII wherever they stand alone.</summary>
    public virtual bool IsAsciiBased => true;

    /// <summary>For a set that is UTF-8: whether the bytes are of it.</summary>
    public virtual bool IsValid(ReadOnlySpan<byte> text) => true;

    /// <summary>Writes the text as UTF-8 to <paramref name="target"/>, which grows as needed.</summary>
    /// <returns>How many bytes it took.</returns>
    /// <exception cref="FormatException">The bytes are no text of this set.</exception>
    public abstract int ToUtf8(ReadOnlySpan<byte> text, ref byte[] target);

    /// <summary>Finds a set by the server's name; null when it is not decoded.</summary>
    public static Charset? Find(string name) => Known.GetOrAdd(name, Create);

    /// <summary>The UTF-8 of a text, for the few that are read once (members of an ENUM).</summary>
    public byte[] ToUtf8(ReadOnlySpan<byte> text)
    {
        if (IsUtf8)
            return text.ToArray();
        var target = Array.Empty<byte>();
        var length = ToUtf8(text, ref target);
        return target.AsSpan(0, length).ToArray();
    }

    static Charset? Create(string name) =>
        name switch
        {
            "utf8mb4" or "utf8mb3" or "utf8" => new Utf8Charset(name),
            "ascii" => new AsciiCharset(),
            "latin1" => SingleByteCharset.Of(name, 1252), // MySQL's latin1 is cp1252, with C1 controls in its five holes
            "latin2" => SingleByteCharset.Of(name, 28592),
            "cp850" => SingleByteCharset.Of(name, 850),
            "cp852" => SingleByteCharset.Of(name, 852),
            "koi8r" => SingleByteCharset.Of(name, 20866),
            "koi8u" => SingleByteCharset.Of(name, 21866, (0x95, 0x2022), (0xAE, 0x255D), (0xBE, 0x256C)),
            "greek" => SingleByteCharset.Of(name, 28597),
            "hebrew" => SingleByteCharset.Of(name, 28598, (0xFD, 0x200E), (0xFE, 0x200F)),
            "latin5" => SingleByteCharset.Of(name, 28599),
            "latin7" => SingleByteCharset.Of(name, 28603),
            "cp866" => SingleByteCharset.Of(name, 866, (0xFC, 0x207F), (0xFD, 0xB2)),
            "macce" => SingleByteCharset.Of(name, 10029),
            "macroman" => SingleByteCharset.Of(name, 10000, (0xBD, 0x3A9)),
            "cp1250" => SingleByteCharset.Of(name, 1250),
            "cp1251" => SingleByteCharset.Of(name, 1251),
            "cp1256" => SingleByteCharset.Of(name, 1256),
            "cp1257" => SingleByteCharset.Of(name, 1257),
            "ucs2" or "utf16" => new UnicodeCharset(name, unit: 2, bigEndian: true),
            "utf16le" => new UnicodeCharset(name, unit: 2, bigEndian: false),
            "utf32" => new UnicodeCharset(name, unit: 4, bigEndian: true),
            "gbk" => new CodePageCharset(name, 936),
            "gb2312" => new CodePageCharset(name, 20936),
            "euckr" => new CodePageCharset(name, 949),
            "cp932" => new CodePageCharset(name, 932),
            _ => null,
        };
}

internal sealed class Utf8Charset(string name) : Charset(name)
{
    public override bool IsUtf8 => true;

    public override bool IsValid(ReadOnlySpan<byte> text) => Utf8.IsValid(text);

    public override int ToUtf8(ReadOnlySpan<byte> text, ref byte[] target) =>
        throw new InvalidOperationException("UTF-8 needs no conversion.");
}

internal sealed class AsciiCharset() : Charset("ascii")
{
    public override bool IsUtf8 => true;

    public override bool IsValid(ReadOnlySpan<byte> text) => Ascii.IsValid(text);

    public override int ToUtf8(ReadOnlySpan<byte> text, ref byte[] target) =>
        throw new InvalidOperationException("ASCII needs no conversion.");
}

internal sealed class SingleByteCharset(string name, char[] characters) : Charset(name)
{
    public static SingleByteCharset Of(string name, int codePage, params ReadOnlySpan<(int Byte, int Character)> corrections)
    {
        var all = new byte[256];
        for (var i = 0; i < 256; i++)
            all[i] = (byte)i;
        var characters = Encoding.GetEncoding(codePage).GetChars(all);
        foreach (var (b, character) in corrections)
            characters[b] = (char)character;
        return new(name, characters);
    }

    public override int ToUtf8(ReadOnlySpan<byte> text, ref byte[] target)
    {
        UnicodeCharset.Ensure(ref target, text.Length * 3);
        var at = 0;
        foreach (var b in text)
            at += new Rune(characters[b]).EncodeToUtf8(target.AsSpan(at));
        return at;
    }
}

/// <summary>UTF-16 and UTF-32. A lone surrogate, which ucs2 columns may hold, has no UTF-8.</summary>
internal sealed class UnicodeCharset(string name, int unit, bool bigEndian) : Charset(name)
{
    public override bool IsAsciiBased => false;

    public override int ToUtf8(ReadOnlySpan<byte> text, ref byte[] target)
    {
        if (text.Length % unit != 0)
            throw new FormatException($"{text.Length} bytes are not whole characters of {Name}.");
        Ensure(ref target, text.Length / unit * 4);
        var at = 0;
        for (var i = 0; i < text.Length; i += unit)
        {
            var code = bigEndian ? WireReader.UnsignedBig(text.Slice(i, unit)) : WireReader.Unsigned(text.Slice(i, unit));
            if (unit == 2 && char.IsHighSurrogate((char)code) && i + 4 <= text.Length)
            {
                var low = bigEndian ? WireReader.UnsignedBig(text.Slice(i + 2, 2)) : WireReader.Unsigned(text.Slice(i + 2, 2));
                if (char.IsLowSurrogate((char)low))
                {
                    code = (ulong)char.ConvertToUtf32((char)code, (char)low);
                    i += 2;
                }
            }
            if (code > 0x10FFFF || !Rune.TryCreate((int)code, out var rune))
                throw new FormatException($"U+{code:X4} alone is no character, so {Name} text with it has no UTF-8 form.");
            at += rune.EncodeToUtf8(target.AsSpan(at));
        }
        return at;
    }

    public static void Ensure(ref byte[] target, int size)
    {
        if (target.Length < size)
            target = new byte[Math.Max(size, target.Length * 2)];
    }
}

/// <summary>A multi-byte set of System.Text.Encoding.CodePages.</summary>
internal sealed class CodePageCharset(string name, int codePage) : Charset(name)
{
    readonly Encoding _encoding = Encoding.GetEncoding(codePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);

    public override int ToUtf8(ReadOnlySpan<byte> text, ref byte[] target)
    {
        var characters = System.Buffers.ArrayPool<char>.Shared.Rent(text.Length);
        try
        {
            var count = _encoding.GetChars(text, characters);
            UnicodeCharset.Ensure(ref target, count * 3);
            return Encoding.UTF8.GetBytes(characters.AsSpan(0, count), target);
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException($"The bytes are no {Name} text that decodes for sure.", e);
        }
        finally
        {
            System.Buffers.ArrayPool<char>.Shared.Return(characters);
        }
    }
}
