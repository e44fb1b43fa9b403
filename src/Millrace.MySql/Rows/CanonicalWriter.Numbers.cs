using System.Buffers.Text;

namespace Millrace.MySql.Rows;

internal sealed partial class CanonicalWriter
{
    // More than any server prints: a DECIMAL has 65 digits, a double 17 and an exponent.
    const int MaxNumberToken = 400;

    public void WriteInteger(long value)
    {
        Utf8Formatter.TryFormat(value, Room(20), out var written);
        _length += written;
    }

    public void WriteInteger(ulong value)
    {
        Utf8Formatter.TryFormat(value, Room(20), out var written);
        _length += written;
    }

    public void WriteFloat(float value)
    {
        Span<byte> token = stackalloc byte[32];
        value.TryFormat(token, out var written);
        WriteNumber(token[..written]);
    }

    public void WriteDouble(double value)
    {
        Span<byte> token = stackalloc byte[32];
        value.TryFormat(token, out var written);
        WriteNumber(token[..written]);
    }

    /// <summary>A DECIMAL: its digits as text, between quotes, so that no reader takes it for a double. Leading zeros (ZEROFILL) go.</summary>
    /// <param name="text">An optional minus, digits, and with a scale a point and its digits.</param>
    public void WriteDecimal(ReadOnlySpan<byte> text)
    {
        var negative = text is [(byte)'-', ..];
        if (negative)
            text = text[1..];
        while (text is [(byte)'0', >= (byte)'0' and <= (byte)'9', ..])
            text = text[1..];
        if (negative && !text.ContainsAnyInRange((byte)'1', (byte)'9'))
            negative = false;
        var span = Room(text.Length + 4);
        var at = 0;
        span[at++] = (byte)'"';
        if (negative)
            span[at++] = (byte)'-';
        if (text.IsEmpty || text[0] == '.')
            span[at++] = (byte)'0';
        text.CopyTo(span[at..]);
        at += text.Length;
        span[at++] = (byte)'"';
        _length += at;
    }

    /// <summary>
    /// A number in its one form: the digits that count, plain from 1e-6 up to below 1e21, otherwise <c>d.ddde±x</c> (ECMAScript's form, as in
    /// RFC 8785, for any number of digits). Zero has no sign.
    /// </summary>
    public void WriteNumber(ReadOnlySpan<byte> token)
    {
        if (token.Length > MaxNumberToken)
            throw new FormatException("A number of more than 400 characters.");
        Span<byte> digits = stackalloc byte[MaxNumberToken];
        var count = 0;
        var point = 0; // the value is 0.DIGITS * 10^point
        var seenPoint = false;
        var at = 0;
        var negative = token is [(byte)'-', ..];
        if (negative)
            at++;
        for (; at < token.Length; at++)
        {
            var c = token[at];
            if (c is >= (byte)'0' and <= (byte)'9')
            {
                if (count > 0 || c != '0')
                {
                    digits[count++] = c;
                    if (!seenPoint)
                        point++;
                }
                else if (seenPoint)
                    point--;
            }
            else if (c == '.' && !seenPoint)
                seenPoint = true;
            else if (
                c is (byte)'e' or (byte)'E'
                && Utf8Parser.TryParse(Unsigned(token[(at + 1)..]), out int exponent, out var used)
                && used > 0
            )
            {
                point += exponent;
                break;
            }
            else
                throw new FormatException("Not a number.");
        }
        while (count > 0 && digits[count - 1] == '0')
            count--;
        if (count == 0)
        {
            Append((byte)'0');
            return;
        }
        WriteDigits(digits[..count], point, negative);
    }

    void WriteDigits(ReadOnlySpan<byte> digits, int point, bool negative)
    {
        var span = Room(digits.Length + 32);
        var at = 0;
        if (negative)
            span[at++] = (byte)'-';
        if (point is > 0 and <= 21)
        {
            var whole = Math.Min(point, digits.Length);
            digits[..whole].CopyTo(span[at..]);
            at += whole;
            for (; whole < point; whole++)
                span[at++] = (byte)'0';
            if (digits.Length > point)
            {
                span[at++] = (byte)'.';
                digits[point..].CopyTo(span[at..]);
                at += digits.Length - point;
            }
        }
        else if (point is <= 0 and > -6)
        {
            span[at++] = (byte)'0';
            span[at++] = (byte)'.';
            for (var zeros = point; zeros < 0; zeros++)
                span[at++] = (byte)'0';
            digits.CopyTo(span[at..]);
            at += digits.Length;
        }
        else
        {
            span[at++] = digits[0];
            if (digits.Length > 1)
            {
                span[at++] = (byte)'.';
                digits[1..].CopyTo(span[at..]);
                at += digits.Length - 1;
            }
            span[at++] = (byte)'e';
            if (point > 0)
                span[at++] = (byte)'+';
            Utf8Formatter.TryFormat(point - 1, span[at..], out var written);
            at += written;
        }
        _length += at;
    }

    static ReadOnlySpan<byte> Unsigned(ReadOnlySpan<byte> exponent) => exponent is [(byte)'+', ..] ? exponent[1..] : exponent;
}
