using System.Buffers.Text;

namespace Millrace;

/// <summary>Dates and times in their canonical form: <c>2024-01-31T12:34:56.123456</c>, with a Z for a TIMESTAMP, and <c>-12:34:56.000001</c>.</summary>
internal static class CanonicalTime
{
    /// <summary>Reads a date, or a date and time. A year, month or day of zero is a date that .NET does not have: null.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out DateTime? value, out bool utc)
    {
        value = null;
        utc = false;
        if (
            text.Length < 10
            || !Digits(text[..4], out var year)
            || text[4] != '-'
            || !Digits(text[5..7], out var month)
            || text[7] != '-'
            || !Digits(text[8..10], out var day)
        )
        {
            return false;
        }
        var rest = text[10..];
        var time = TimeSpan.Zero;
        if (!rest.IsEmpty)
        {
            if (rest[0] is not ((byte)'T' or (byte)' '))
            {
                return false;
            }
            utc = rest[^1] == 'Z';
            if (!TryParseSpan(utc ? rest[1..^1] : rest[1..], out time) || time.Ticks is < 0 or >= TimeSpan.TicksPerDay)
            {
                return false;
            }
        }
        if (year == 0 || month == 0 || day == 0)
        {
            return true;
        }
        if (month > 12 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }
        var kind = utc ? DateTimeKind.Utc : DateTimeKind.Unspecified;
        value = new DateTime(new DateTime(year, month, day).Ticks + time.Ticks, kind);
        return true;
    }

    /// <summary>Reads <c>[-]h…h:mm:ss[.fffffff]</c>.</summary>
    public static bool TryParseSpan(ReadOnlySpan<byte> text, out TimeSpan value)
    {
        value = default;
        var negative = !text.IsEmpty && text[0] == '-';
        text = negative ? text[1..] : text;
        var colon = text.IndexOf((byte)':');
        if (
            colon is < 1 or > 6
            || !Digits(text[..colon], out var hours)
            || text.Length < colon + 6
            || !Digits(text.Slice(colon + 1, 2), out var minutes)
            || text[colon + 3] != ':'
            || !Digits(text.Slice(colon + 4, 2), out var seconds)
            || minutes > 59
            || seconds > 59
        )
        {
            return false;
        }
        var ticks = ((((hours * 60L) + minutes) * 60) + seconds) * TimeSpan.TicksPerSecond;
        var fraction = text[(colon + 6)..];
        if (!fraction.IsEmpty)
        {
            if (fraction[0] != '.' || fraction.Length is < 2 or > 8 || !Digits(fraction[1..], out var parts))
            {
                return false;
            }
            for (var digits = fraction.Length - 1; digits < 7; digits++)
            {
                parts *= 10;
            }
            ticks += parts;
        }
        value = new TimeSpan(negative ? -ticks : ticks);
        return true;
    }

    /// <summary>Writes <c>[-]hh:mm:ss</c> and the fraction where there is one, in microseconds if they say it exactly.</summary>
    public static int Format(TimeSpan value, Span<byte> destination)
    {
        var at = 0;
        if (value < TimeSpan.Zero)
        {
            destination[at++] = (byte)'-';
        }
        var ticks = (ulong)Math.Abs(value.Ticks);
        var seconds = ticks / TimeSpan.TicksPerSecond;
        at += Put(seconds / 3600, 2, destination[at..]);
        destination[at++] = (byte)':';
        at += Put(seconds / 60 % 60, 2, destination[at..]);
        destination[at++] = (byte)':';
        at += Put(seconds % 60, 2, destination[at..]);
        var fraction = ticks % TimeSpan.TicksPerSecond;
        if (fraction != 0)
        {
            destination[at++] = (byte)'.';
            at += fraction % 10 == 0 ? Put(fraction / 10, 6, destination[at..]) : Put(fraction, 7, destination[at..]);
        }
        return at;
    }

    public static int Format(DateOnly value, Span<byte> destination)
    {
        Put((ulong)value.Year, 4, destination);
        destination[4] = (byte)'-';
        Put((ulong)value.Month, 2, destination[5..]);
        destination[7] = (byte)'-';
        Put((ulong)value.Day, 2, destination[8..]);
        return 10;
    }

    public static int Format(DateTime value, bool utc, Span<byte> destination)
    {
        var at = Format(DateOnly.FromDateTime(value), destination);
        destination[at++] = (byte)'T';
        at += Format(value.TimeOfDay, destination[at..]);
        if (utc)
        {
            destination[at++] = (byte)'Z';
        }
        return at;
    }

    private static int Put(ulong value, byte digits, Span<byte> destination)
    {
        Utf8Formatter.TryFormat(value, destination, out var written, new System.Buffers.StandardFormat('D', digits));
        return written;
    }

    private static bool Digits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var c in text)
        {
            if (c is < (byte)'0' or > (byte)'9')
            {
                return false;
            }
            value = (value * 10) + (c - '0');
        }
        return true;
    }
}
