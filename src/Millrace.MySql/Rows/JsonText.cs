using System.Text.Json;

namespace Millrace.MySql.Rows;

/// <summary>JSON as a server prints it to canonical JSON: no white space, one form of every string and number, the order of keys kept.</summary>
internal static class JsonText
{
    static readonly JsonReaderOptions Options = new() { MaxDepth = 256 };

    public static void Write(CanonicalWriter writer, ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text, Options);
        var first = true;
        try
        {
            while (reader.Read())
            {
                if (!first && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
                    writer.Append((byte)',');
                first = false;
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject or JsonTokenType.StartArray:
                        writer.Append((byte)(reader.TokenType == JsonTokenType.StartObject ? '{' : '['));
                        first = true;
                        break;
                    case JsonTokenType.EndObject or JsonTokenType.EndArray:
                        writer.Append((byte)(reader.TokenType == JsonTokenType.EndObject ? '}' : ']'));
                        break;
                    case JsonTokenType.PropertyName:
                        WriteString(writer, ref reader);
                        writer.Append((byte)':');
                        first = true;
                        break;
                    case JsonTokenType.String:
                        WriteString(writer, ref reader);
                        break;
                    case JsonTokenType.Number:
                        writer.WriteNumber(reader.ValueSpan);
                        break;
                    default: // true, false, null
                        writer.WriteRaw(reader.ValueSpan);
                        break;
                }
            }
        }
        catch (JsonException e)
        {
            throw new FormatException("The server's JSON text does not parse.", e);
        }
    }

    static void WriteString(CanonicalWriter writer, ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
        {
            writer.WriteUtf8(reader.ValueSpan);
            return;
        }
        var scratch = new byte[reader.ValueSpan.Length];
        writer.WriteUtf8(scratch.AsSpan(0, reader.CopyString(scratch)));
    }
}
