using System.Buffers.Binary;

namespace Millrace.MySql.Rows;

/// <summary>
/// MySQL's binary JSON to canonical JSON. Offsets are followed, since a document updated in place has holes. Opaque values read as the server prints
/// them: DECIMAL a number, DATE, TIME and DATETIME a string, others <c>base64:typeN:…</c>.
/// </summary>
/// <remarks>Layout: <c>sql-common/json_binary.h</c> of MySQL.</remarks>
internal static class JsonBinary
{
    const int MaxDepth = 128; // the server allows 100

    public static void Write(CanonicalWriter writer, ReadOnlySpan<byte> document)
    {
        if (document.IsEmpty) // what a JSON column holds that was added without a default
            writer.WriteNull();
        else
            Value(writer, document[0], document[1..], 0);
    }

    static void Value(CanonicalWriter writer, byte type, ReadOnlySpan<byte> data, int depth)
    {
        switch (type)
        {
            case 0 or 1:
                Container(writer, data, large: type == 1, isObject: true, depth);
                break;
            case 2 or 3:
                Container(writer, data, large: type == 3, isObject: false, depth);
                break;
            case 4:
                writer.WriteRaw(
                    data[0] switch
                    {
                        0 => "null"u8,
                        1 => "true"u8,
                        2 => "false"u8,
                        _ => throw new FormatException($"JSON literal {data[0]} is unknown."),
                    }
                );
                break;
            case 5:
                writer.WriteInteger((long)BinaryPrimitives.ReadInt16LittleEndian(data));
                break;
            case 6:
                writer.WriteInteger((long)BinaryPrimitives.ReadUInt16LittleEndian(data));
                break;
            case 7:
                writer.WriteInteger((long)BinaryPrimitives.ReadInt32LittleEndian(data));
                break;
            case 8:
                writer.WriteInteger((long)BinaryPrimitives.ReadUInt32LittleEndian(data));
                break;
            case 9:
                writer.WriteInteger(BinaryPrimitives.ReadInt64LittleEndian(data));
                break;
            case 10:
                writer.WriteInteger(BinaryPrimitives.ReadUInt64LittleEndian(data));
                break;
            case 11:
                writer.WriteDouble(BinaryPrimitives.ReadDoubleLittleEndian(data));
                break;
            case 12:
                writer.WriteUtf8(Counted(data));
                break;
            case 15:
                Opaque(writer, (ColumnTypeCode)data[0], Counted(data[1..]));
                break;
            default:
                throw new FormatException($"JSON value type {type} is unknown.");
        }
    }

    static void Container(CanonicalWriter writer, ReadOnlySpan<byte> data, bool large, bool isObject, int depth)
    {
        if (depth > MaxDepth)
            throw new FormatException("JSON is nested too deep.");
        var width = large ? 4 : 2;
        var count = checked((int)WireReader.Unsigned(data[..width]));
        var keyEntry = 2 * width;
        var valueEntry = keyEntry + (isObject ? count * (width + 2) : 0);
        writer.Append((byte)(isObject ? '{' : '['));
        for (var i = 0; i < count; i++, valueEntry += 1 + width)
        {
            if (i > 0)
                writer.Append((byte)',');
            if (isObject)
            {
                var start = checked((int)WireReader.Unsigned(data.Slice(keyEntry, width)));
                writer.WriteUtf8(data.Slice(start, BinaryPrimitives.ReadUInt16LittleEndian(data[(keyEntry + width)..])));
                writer.Append((byte)':');
                keyEntry += width + 2;
            }
            var type = data[valueEntry];
            var inlined = type is 4 or 5 or 6 || large && type is 7 or 8;
            var value = data.Slice(valueEntry + 1, width);
            Value(writer, type, inlined ? value : data[checked((int)WireReader.Unsigned(value))..], depth + 1);
        }
        writer.Append((byte)(isObject ? '}' : ']'));
    }

    /// <summary>Bytes after a length of seven bits a byte.</summary>
    static ReadOnlySpan<byte> Counted(ReadOnlySpan<byte> data)
    {
        var length = 0;
        for (var i = 0; i < 5; i++)
        {
            length |= (data[i] & 0x7F) << 7 * i;
            if ((data[i] & 0x80) == 0)
                return data.Slice(i + 1, length);
        }
        throw new FormatException("A length in JSON has no end.");
    }

    static void Opaque(CanonicalWriter writer, ColumnTypeCode type, ReadOnlySpan<byte> data)
    {
        switch (type)
        {
            case ColumnTypeCode.Decimal:
                Span<byte> text = stackalloc byte[DecimalBinary.MaxText];
                writer.WriteNumber(text[..DecimalBinary.ToText(data[2..], data[0], data[1], text)]);
                break;
            case ColumnTypeCode.Date or ColumnTypeCode.NewDate or ColumnTypeCode.DateTime or ColumnTypeCode.Timestamp:
                DateTimeText(writer, BinaryPrimitives.ReadInt64LittleEndian(data), type is ColumnTypeCode.Date or ColumnTypeCode.NewDate);
                break;
            case ColumnTypeCode.Time:
                TimeText(writer, BinaryPrimitives.ReadInt64LittleEndian(data));
                break;
            default:
                writer.WriteRaw("\"base64:type"u8);
                writer.WriteInteger((long)(byte)type);
                writer.Append((byte)':');
                writer.WriteBase64(data);
                writer.Append((byte)'"');
                break;
        }
    }

    // The server prints these with a blank between date and time, and always six digits of fraction.
    static void DateTimeText(CanonicalWriter writer, long packed, bool dateOnly)
    {
        var (micros, whole) = ((int)(packed & 0xFFFFFF), packed >> 24);
        var (clock, date) = ((int)(whole & 0x1FFFF), (int)(whole >> 17));
        Span<byte> text = stackalloc byte[26];
        Digits(text[..4], (date >> 5) / 13);
        text[4] = (byte)'-';
        Digits(text.Slice(5, 2), (date >> 5) % 13);
        text[7] = (byte)'-';
        Digits(text.Slice(8, 2), date & 31);
        text[10] = (byte)' ';
        Clock(text[11..], clock >> 12, clock, micros);
        writer.WriteUtf8(dateOnly ? text[..10] : text);
    }

    static void TimeText(CanonicalWriter writer, long packed)
    {
        var magnitude = Math.Abs(packed);
        var (micros, clock) = ((int)(magnitude & 0xFFFFFF), (int)(magnitude >> 24));
        Span<byte> text = stackalloc byte[17];
        text[0] = (byte)'-';
        var hours = clock >> 12 & 0x3FF;
        text[1] = (byte)('0' + hours / 100);
        Clock(text[2..], hours % 100, clock, micros);
        if (hours < 100)
        {
            text = text[1..];
            text[0] = (byte)'-';
        }
        writer.WriteUtf8(packed < 0 ? text : text[1..]);
    }

    static void Clock(Span<byte> text, int hour, int clock, int micros)
    {
        Digits(text[..2], hour);
        text[2] = (byte)':';
        Digits(text.Slice(3, 2), clock >> 6 & 63);
        text[5] = (byte)':';
        Digits(text.Slice(6, 2), clock & 63);
        text[8] = (byte)'.';
        Digits(text.Slice(9, 6), micros);
    }

    static void Digits(Span<byte> text, int value)
    {
        for (var i = text.Length - 1; i >= 0; i--, value /= 10)
            text[i] = (byte)('0' + value % 10);
    }
}
