using System.Buffers.Text;

namespace Millrace.Sources;

/// <summary>Reads a canonical DATETIME, TIMESTAMP or DATE (<c>"2024-01-31T12:34:56.123456"</c>, with or without <c>Z</c>, taken as UTC).</summary>
internal static class BusinessTime
{
    /// <summary>Microseconds since 1970-01-01T00:00:00Z; false for null, zero dates and anything else.</summary>
    public static bool TryRead(ReadOnlySpan<byte> value, out long microseconds)
    {
        microseconds = 0;
        if (value.Length < 12 || value[0] != (byte)'"')
        {
            return false;
        }
        var text = value[1..^1];
        if (
            !Number(text, 0, 4, out var year)
            || !Number(text, 5, 2, out var month)
            || !Number(text, 8, 2, out var day)
            || year is < 1 or > 9999
            || month is < 1 or > 12
            || day < 1
            || day > DateTime.DaysInMonth(year, month)
        )
        {
            return false;
        }
        var time = new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Utc);
        if (text.Length >= 19)
        {
            if (!Number(text, 11, 2, out var hour) || !Number(text, 14, 2, out var minute) || !Number(text, 17, 2, out var second))
            {
                return false;
            }
            time = time.AddTicks(((hour * 60L + minute) * 60 + second) * TimeSpan.TicksPerSecond);
            long scale = 100_000;
            for (var i = 20; i < text.Length && text[i] is >= (byte)'0' and <= (byte)'9'; i++, scale /= 10)
            {
                microseconds += (text[i] - '0') * scale;
            }
        }
        microseconds += (time.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        return true;
    }

    private static bool Number(ReadOnlySpan<byte> text, int at, int digits, out int number) =>
        Utf8Parser.TryParse(text.Slice(at, digits), out number, out var used) && used == digits;
}
