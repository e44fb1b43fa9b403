using System.Buffers.Binary;

namespace Millrace.MySql.Rows;

public sealed partial class RowDecoder
{
    static void ReadTime(ref WireReader reader, ColumnPlan column, CanonicalWriter writer)
    {
        switch (column.Kind)
        {
            case ColumnKind.Year:
                var year = reader.Byte();
                writer.WriteInteger(year == 0 ? 0L : 1900 + year);
                break;
            case ColumnKind.Date:
                var date = (int)WireReader.Unsigned(reader.Take(3));
                writer.WriteDate(date >> 9, date >> 5 & 15, date & 31);
                break;
            case ColumnKind.DateTime:
                // 17 bits of year * 13 + month, then 5 of day, 5 of hour, 6 of minute, 6 of second; the first bit is a sign, always set.
                var packed = (long)WireReader.UnsignedBig(reader.Take(5)) - 0x80_0000_0000;
                var month = (int)(packed >> 22);
                writer.WriteDateTime(
                    month / 13,
                    month % 13,
                    (int)(packed >> 17) & 31,
                    (int)(packed >> 12) & 31,
                    (int)(packed >> 6) & 63,
                    (int)packed & 63,
                    Micros(ref reader, column.Scale),
                    column.Scale,
                    utc: false
                );
                break;
            case ColumnKind.OldDateTime:
                var decimals = (long)BinaryPrimitives.ReadUInt64LittleEndian(reader.Take(8));
                var (day, clock) = ((int)(decimals / 1000000), (int)(decimals % 1000000));
                writer.WriteDateTime(
                    day / 10000,
                    day / 100 % 100,
                    day % 100,
                    clock / 10000,
                    clock / 100 % 100,
                    clock % 100,
                    0,
                    0,
                    utc: false
                );
                break;
            case ColumnKind.Timestamp:
                var seconds = BinaryPrimitives.ReadUInt32BigEndian(reader.Take(4));
                writer.WriteTimestamp(seconds, Micros(ref reader, column.Scale), column.Scale);
                break;
            case ColumnKind.OldTimestamp:
                writer.WriteTimestamp(BinaryPrimitives.ReadUInt32LittleEndian(reader.Take(4)), 0, 0);
                break;
            case ColumnKind.Time:
                ReadTime2(ref reader, column.Scale, writer);
                break;
            case ColumnKind.OldTime:
                var hms = (int)WireReader.Unsigned(reader.Take(3)) << 8 >> 8;
                var magnitude = Math.Abs(hms);
                writer.WriteTime(hms < 0, magnitude / 10000, magnitude / 100 % 100, magnitude % 100, 0, 0);
                break;
            default:
                throw new InvalidOperationException($"No reader for {column.Kind}.");
        }
    }

    static int Micros(ref WireReader reader, int digits) =>
        digits == 0
            ? 0
            : (int)WireReader.UnsignedBig(reader.Take((digits + 1) / 2))
                * digits switch
                {
                    <= 2 => 10000,
                    <= 4 => 100,
                    _ => 1,
                };

    /// <summary>A TIME with its fraction is one signed number, the fraction in 0, 1, 2 or 3 bytes; widened to 3 it is hours, minutes, seconds and micros.</summary>
    static void ReadTime2(ref WireReader reader, int digits, CanonicalWriter writer)
    {
        var fractionBytes = (digits + 1) / 2;
        var value = (long)WireReader.UnsignedBig(reader.Take(3 + fractionBytes)) - (0x800000L << 8 * fractionBytes);
        var negative = value < 0;
        value = Math.Abs(value);
        var whole = (int)(value >> 8 * fractionBytes);
        var micros =
            (int)(value & (1L << 8 * fractionBytes) - 1)
            * fractionBytes switch
            {
                1 => 10000,
                2 => 100,
                _ => 1,
            };
        writer.WriteTime(negative, whole >> 12 & 0x3FF, whole >> 6 & 63, whole & 63, micros, digits);
    }

    static void ReadAddress(ReadOnlySpan<byte> stored, ColumnPlan column, CanonicalWriter writer)
    {
        if (stored.Length > column.PadTo)
            throw new FormatException($"{stored.Length} bytes are too many for {column.Kind}.");
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear(); // zeros at the end are not in the binlog
        stored.CopyTo(bytes);
        Span<byte> text = stackalloc byte[64];
        var written = 0;
        if (column.Kind == ColumnKind.Uuid)
            new Guid(bytes, bigEndian: true).TryFormat(text, out written);
        else if (column.Kind == ColumnKind.Inet4)
            Dotted(bytes[..4], text, ref written);
        else
            Inet6(bytes, text, ref written);
        writer.WriteUtf8(text[..written]);
    }

    /// <summary>As MariaDB prints it: the first longest run of zero words is "::", even a run of one, and addresses that embed IPv4 end dotted.</summary>
    static void Inet6(ReadOnlySpan<byte> bytes, Span<byte> text, ref int at)
    {
        var (gap, gapLength) = (-1, 0);
        for (var i = 0; i < 8; )
        {
            var start = i;
            while (i < 8 && bytes[2 * i] == 0 && bytes[2 * i + 1] == 0)
                i++;
            if (i - start > gapLength)
                (gap, gapLength) = (start, i - start);
            if (i == start)
                i++;
        }
        for (var i = 0; i < 8; i++)
        {
            if (i == gap)
            {
                if (i == 0)
                    text[at++] = (byte)':';
                text[at++] = (byte)':';
                i += gapLength - 1;
                continue;
            }
            if (i == 6 && gap == 0 && (gapLength == 6 || gapLength == 5 && bytes[10] == 0xFF && bytes[11] == 0xFF))
            {
                Dotted(bytes[12..], text, ref at);
                return;
            }
            BinaryPrimitives.ReadUInt16BigEndian(bytes[(2 * i)..]).TryFormat(text[at..], out var digits, "x");
            at += digits;
            if (i < 7)
                text[at++] = (byte)':';
        }
    }

    static void Dotted(ReadOnlySpan<byte> bytes, Span<byte> text, ref int at)
    {
        for (var i = 0; i < 4; i++)
        {
            if (i > 0)
                text[at++] = (byte)'.';
            bytes[i].TryFormat(text[at..], out var digits);
            at += digits;
        }
    }
}
