namespace Millrace.MySql.Rows;

internal sealed partial class CanonicalWriter
{
    /// <summary>A DATE. Zero parts stay zero.</summary>
    public void WriteDate(int year, int month, int day)
    {
        var span = Room(12);
        span[0] = (byte)'"';
        Digits4(span[1..], year);
        span[5] = (byte)'-';
        Digits2(span[6..], month);
        span[8] = (byte)'-';
        Digits2(span[9..], day);
        span[11] = (byte)'"';
        _length += 12;
    }

    /// <summary>A DATETIME, or with <paramref name="utc"/> a TIMESTAMP, with exactly <paramref name="digits"/> digits of fraction.</summary>
    public void WriteDateTime(int year, int month, int day, int hour, int minute, int second, int micros, int digits, bool utc)
    {
        var span = Room(32);
        span[0] = (byte)'"';
        Digits4(span[1..], year);
        span[5] = (byte)'-';
        Digits2(span[6..], month);
        span[8] = (byte)'-';
        Digits2(span[9..], day);
        span[11] = (byte)'T';
        Clock(span[12..], hour, minute, second);
        var at = 20 + Fraction(span[20..], micros, digits);
        if (utc)
            span[at++] = (byte)'Z';
        span[at++] = (byte)'"';
        _length += at;
    }

    /// <summary>A TIMESTAMP from its seconds since 1970; zero seconds and no fraction is the zero date.</summary>
    public void WriteTimestamp(uint seconds, int micros, int digits)
    {
        if (seconds == 0 && micros == 0)
        {
            WriteDateTime(0, 0, 0, 0, 0, 0, 0, digits, utc: true);
            return;
        }
        var days = (int)(seconds / 86400);
        var rest = (int)(seconds % 86400);
        // Days to civil date, by eras of 400 years that begin in March.
        var shifted = days + 719468;
        var era = shifted / 146097;
        var ofEra = shifted - era * 146097;
        var yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365;
        var ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        var marchMonth = (5 * ofYear + 2) / 153;
        var day = ofYear - (153 * marchMonth + 2) / 5 + 1;
        var month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
        var year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
        WriteDateTime(year, month, day, rest / 3600, rest / 60 % 60, rest % 60, micros, digits, utc: true);
    }

    /// <summary>A TIME: up to 838 hours either way.</summary>
    public void WriteTime(bool negative, int hours, int minute, int second, int micros, int digits)
    {
        var span = Room(24);
        var at = 0;
        span[at++] = (byte)'"';
        if (negative)
            span[at++] = (byte)'-';
        if (hours >= 100)
            span[at++] = (byte)('0' + hours / 100);
        Clock(span[at..], hours % 100, minute, second);
        at += 8;
        at += Fraction(span[at..], micros, digits);
        span[at++] = (byte)'"';
        _length += at;
    }

    static void Clock(Span<byte> span, int hour, int minute, int second)
    {
        Digits2(span, hour);
        span[2] = (byte)':';
        Digits2(span[3..], minute);
        span[5] = (byte)':';
        Digits2(span[6..], second);
    }

    static int Fraction(Span<byte> span, int micros, int digits)
    {
        if (digits == 0)
            return 0;
        span[0] = (byte)'.';
        for (var i = 6; i > 0; i--, micros /= 10)
            if (i <= digits)
                span[i] = (byte)('0' + micros % 10);
        return digits + 1;
    }

    static void Digits4(Span<byte> span, int value)
    {
        Digits2(span, value / 100);
        Digits2(span[2..], value % 100);
    }

    static void Digits2(Span<byte> span, int value)
    {
        span[1] = (byte)('0' + value % 10);
        span[0] = (byte)('0' + value / 10);
    }
}
