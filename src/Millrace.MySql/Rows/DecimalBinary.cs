namespace Millrace.MySql.Rows;

/// <summary>The binary DECIMAL of rows and of JSON: nine digits in four bytes, the sign in the first bit, negative numbers inverted.</summary>
internal static class DecimalBinary
{
    /// <summary>Room for any DECIMAL as text, with the zeros that fill its groups.</summary>
    public const int MaxText = 128;

    static ReadOnlySpan<byte> BytesOf => [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

    public static int Size(int precision, int scale)
    {
        var whole = precision - scale;
        return whole / 9 * 4 + BytesOf[whole % 9] + scale / 9 * 4 + BytesOf[scale % 9];
    }

    /// <summary>Writes sign, digits, point and exactly <paramref name="scale"/> digits; leading zeros stay.</summary>
    public static int ToText(ReadOnlySpan<byte> binary, int precision, int scale, Span<byte> text)
    {
        var at = 0;
        var inverted = (binary[0] & 0x80) == 0 ? (byte)0xFF : (byte)0;
        if (inverted != 0)
            text[at++] = (byte)'-';
        var position = 0;
        var whole = precision - scale;
        Group(binary, ref position, whole % 9, inverted, text, ref at);
        for (var i = 0; i < whole / 9; i++)
            Group(binary, ref position, 9, inverted, text, ref at);
        if (scale == 0)
            return at;
        text[at++] = (byte)'.';
        for (var i = 0; i < scale / 9; i++)
            Group(binary, ref position, 9, inverted, text, ref at);
        Group(binary, ref position, scale % 9, inverted, text, ref at);
        return at;
    }

    static void Group(ReadOnlySpan<byte> binary, ref int position, int digits, byte inverted, Span<byte> text, ref int at)
    {
        if (digits == 0)
            return;
        uint value = 0;
        for (var end = position + BytesOf[digits]; position < end; position++)
            value = value << 8 | (byte)(binary[position] ^ inverted ^ (position == 0 ? 0x80 : 0));
        for (var i = digits - 1; i >= 0; i--, value /= 10)
            text[at + i] = (byte)('0' + value % 10);
        if (value != 0)
            throw new FormatException("A DECIMAL has more digits than its column.");
        at += digits;
    }
}
