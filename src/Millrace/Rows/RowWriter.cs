using System.ComponentModel;
using System.Globalization;
using System.Text.Json;

namespace Millrace;

/// <summary>Writes values in their canonical form. Generated code uses it; nobody else needs it.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class RowWriter
{
    /// <summary>Writes an integer column.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, long value) => writer.WriteNumber(column, value);

    /// <summary>Writes an unsigned integer column.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, ulong value) => writer.WriteNumber(column, value);

    /// <summary>Writes a truth value as 1 or 0, as MySQL has it.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, bool value) => writer.WriteNumber(column, value ? 1 : 0);

    /// <summary>Writes a DECIMAL column as a string, its scale kept.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, decimal value)
    {
        Span<byte> text = stackalloc byte[32];
        value.TryFormat(text, out var length, default, CultureInfo.InvariantCulture);
        writer.WriteString(column, text[..length]);
    }

    /// <summary>Writes a DOUBLE column.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, double value) => writer.WriteNumber(column, value);

    /// <summary>Writes a FLOAT column.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, float value) => writer.WriteNumber(column, value);

    /// <summary>Writes a text column; null where there is none.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, string? value) => writer.WriteString(column, value);

    /// <summary>Writes a binary column as base64; null where there is none.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, byte[]? value)
    {
        if (value is null)
        {
            writer.WriteNull(column);
        }
        else
        {
            writer.WriteBase64String(column, value);
        }
    }

    /// <summary>Writes a GUID's text.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, Guid value) => writer.WriteString(column, value);

    /// <summary>Writes a JSON column.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, JsonElement value)
    {
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            writer.WriteNull(column);
        }
        else if (value.ValueKind == JsonValueKind.String)
        {
            // Text that is JSON is read as JSON, so a string is written as the text of one.
            writer.WriteString(column, value.GetRawText());
        }
        else
        {
            writer.WritePropertyName(column);
            value.WriteTo(writer);
        }
    }

    /// <summary>Writes a date and time; with a Z where it is UTC.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, DateTime value)
    {
        Span<byte> text = stackalloc byte[32];
        writer.WriteString(column, text[..CanonicalTime.Format(value, value.Kind == DateTimeKind.Utc, text)]);
    }

    /// <summary>Writes a point in time, in UTC with a Z.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, DateTimeOffset value)
    {
        Span<byte> text = stackalloc byte[32];
        writer.WriteString(column, text[..CanonicalTime.Format(value.UtcDateTime, true, text)]);
    }

    /// <summary>Writes a DATE column.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, DateOnly value)
    {
        Span<byte> text = stackalloc byte[16];
        writer.WriteString(column, text[..CanonicalTime.Format(value, text)]);
    }

    /// <summary>Writes a time of day.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, TimeOnly value) => Write(writer, column, value.ToTimeSpan());

    /// <summary>Writes a TIME column.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> column, TimeSpan value)
    {
        Span<byte> text = stackalloc byte[32];
        writer.WriteString(column, text[..CanonicalTime.Format(value, text)]);
    }

    /// <summary>Writes an enum: its member's name, or the number where it has none.</summary>
    /// <typeparam name="T">The enum.</typeparam>
    public static void WriteEnum<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> column, T value)
        where T : unmanaged, Enum
    {
        if (EnumNames<T>.Name(value) is { IsEmpty: false } name)
        {
            writer.WriteString(column, name);
        }
        else
        {
            writer.WriteNumber(column, EnumNames<T>.Number(value));
        }
    }
}
