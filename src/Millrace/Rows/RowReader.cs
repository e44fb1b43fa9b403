using System.Buffers.Text;
using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Millrace;

/// <summary>Reads a row's canonical JSON column by column. Generated parsers use it; nobody else needs it.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public ref struct RowReader
{
    private readonly RowDefinition _row;
    private Utf8JsonReader _json;

    /// <summary>Begins to read a row.</summary>
    /// <param name="json">The row, UTF-8.</param>
    /// <param name="row">What it should be, for messages.</param>
    /// <exception cref="RowException">It is no JSON object.</exception>
    public RowReader(ReadOnlySpan<byte> json, RowDefinition row)
    {
        _row = row;
        _json = new Utf8JsonReader(json);
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
        {
            throw new RowException($"A row of {row.Table} is no JSON object.");
        }
    }

    /// <summary>Goes to the next column; its value is read, or skipped with <see cref="Skip"/>, before the next call.</summary>
    /// <param name="name">The column's name.</param>
    /// <returns>Whether there is one.</returns>
    public bool Next(out ReadOnlySpan<byte> name)
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.PropertyName)
        {
            name = default;
            return false;
        }
        name = _json.ValueIsEscaped ? Unescaped() : _json.ValueSpan;
        _json.Read();
        return true;
    }

    /// <summary>Passes over a value that nobody asked for.</summary>
    public void Skip() => _json.Skip();

    /// <summary>Whether the value is null.</summary>
    public readonly bool IsNull => _json.TokenType == JsonTokenType.Null;

    /// <summary>Says that columns are missing.</summary>
    /// <param name="first">The place of the bit 0 column.</param>
    /// <param name="missing">A bit for each column that is missing.</param>
    public readonly RowException Missing(int first, ulong missing)
    {
        var column = _row.Columns[first + int.CreateTruncating(ulong.TrailingZeroCount(missing))];
        return new RowException(
            $"{_row.Table} has no column {column.Name} in this row, and {_row.Record}.{column.Property} ({column.Type}) cannot be null. "
                + "Make the property nullable, or name its column with [Column]."
        );
    }

    /// <summary>Reads a signed integer.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <param name="min">The least value the property holds.</param>
    /// <param name="max">The greatest value the property holds.</param>
    /// <exception cref="RowException">It is none, or out of range.</exception>
    public readonly long Integer(int column, long min = long.MinValue, long max = long.MaxValue)
    {
        var text = _json.ValueSpan;
        if (
            _json.TokenType is JsonTokenType.Number or JsonTokenType.String
            && Utf8Parser.TryParse(text, out long value, out var used)
            && used == text.Length
        )
        {
            return value >= min && value <= max ? value : throw Cannot(column, "a number out of its range");
        }
        throw Cannot(column);
    }

    /// <summary>Reads an unsigned integer of 64 bits.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none, or out of range.</exception>
    public readonly ulong Unsigned(int column)
    {
        var text = _json.ValueSpan;
        return
            _json.TokenType is JsonTokenType.Number or JsonTokenType.String
            && Utf8Parser.TryParse(text, out ulong value, out var used)
            && used == text.Length
            ? value
            : throw Cannot(column);
    }

    /// <summary>Reads a truth value: true, false, 1 or 0.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly bool Boolean(int column) =>
        _json.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            _ => Integer(column, 0, 1) == 1,
        };

    /// <summary>Reads a decimal, its scale kept.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none, or has more digits than a decimal holds.</exception>
    public readonly decimal Decimal(int column)
    {
        var text = _json.ValueSpan;
        return
            _json.TokenType is JsonTokenType.Number or JsonTokenType.String
            && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Cannot(column);
    }

    /// <summary>Reads a floating-point number.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly double Double(int column)
    {
        var text = _json.ValueSpan;
        return
            _json.TokenType is JsonTokenType.Number or JsonTokenType.String
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Cannot(column);
    }

    /// <summary>Reads a floating-point number of single precision.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly float Single(int column)
    {
        var text = _json.ValueSpan;
        return
            _json.TokenType is JsonTokenType.Number or JsonTokenType.String
            && float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Cannot(column);
    }

    /// <summary>Reads text; a number or a JSON document as it is written.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is null.</exception>
    public string Text(int column) =>
        _json.TokenType switch
        {
            JsonTokenType.String => _json.GetString()!,
            JsonTokenType.Null => throw Cannot(column),
            JsonTokenType.StartObject or JsonTokenType.StartArray => JsonElement.ParseValue(ref _json).GetRawText(),
            _ => Encoding.UTF8.GetString(_json.ValueSpan),
        };

    /// <summary>Reads bytes, base64.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is no base64.</exception>
    public readonly byte[] Bytes(int column) =>
        _json.TokenType == JsonTokenType.String && _json.TryGetBytesFromBase64(out var value) ? value : throw Cannot(column);

    /// <summary>Reads a GUID: its text, or the base64 of its 16 bytes in the order of its text.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly Guid Guid(int column)
    {
        if (_json.TokenType == JsonTokenType.String)
        {
            if (_json.TryGetGuid(out var value))
            {
                return value;
            }
            Span<byte> bytes = stackalloc byte[18];
            var coded = _json.ValueSpan;
            if (
                coded.Length == 24
                && Base64.DecodeFromUtf8(coded, bytes, out _, out var written) == System.Buffers.OperationStatus.Done
                && written == 16
            )
            {
                return new Guid(bytes[..16], bigEndian: true);
            }
        }
        throw Cannot(column);
    }

    /// <summary>Reads an enum: a member's name, whatever its case and without regard to <c>_</c>, <c>-</c> and blanks; several with commas; or the number.</summary>
    /// <typeparam name="T">The enum.</typeparam>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">No member has that name.</exception>
    public readonly T Enum<T>(int column)
        where T : unmanaged, Enum
    {
        if (_json.TokenType == JsonTokenType.Number)
        {
            return EnumNames<T>.FromNumber(_json.ValueSpan) ?? throw Cannot(column, "a number out of its range");
        }
        if (_json.TokenType != JsonTokenType.String)
        {
            throw Cannot(column);
        }
        return (_json.ValueIsEscaped ? EnumNames<T>.FromText(_json.GetString()) : EnumNames<T>.FromText(_json.ValueSpan))
            ?? throw Cannot(column, "a string that names no member");
    }

    /// <summary>Reads a JSON document: MySQL's is a JSON value; MariaDB's is text that has one. Other text is a JSON string.</summary>
    /// <param name="column">The column's place in the record.</param>
    public JsonElement Json(int column)
    {
        _ = column;
        if (_json.TokenType == JsonTokenType.String)
        {
            var text = new Utf8JsonReader(Encoding.UTF8.GetBytes(_json.GetString()!));
            try
            {
                if (JsonElement.TryParseValue(ref text, out var document) && !text.Read())
                {
                    return document.Value;
                }
            }
            catch (JsonException)
            {
                // It is no JSON text, so it is a string.
                return JsonElement.ParseValue(ref _json);
            }
        }
        return JsonElement.ParseValue(ref _json);
    }

    /// <summary>Reads a date and time; of the kind UTC where the value has a Z, else unspecified.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none, or a zero date.</exception>
    public readonly DateTime DateTime(int column) => NullableDateTime(column) ?? throw Cannot(column, IsNull ? null : "a zero date");

    /// <summary>Reads a date and time, or null for null and for a zero date.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly DateTime? NullableDateTime(int column)
    {
        if (IsNull)
        {
            return null;
        }
        if (_json.TokenType == JsonTokenType.String && CanonicalTime.TryParse(_json.ValueSpan, out var value, out _))
        {
            return value;
        }
        throw Cannot(column);
    }

    /// <summary>Reads a point in time; a value without a zone is taken as UTC.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none, or a zero date.</exception>
    public readonly DateTimeOffset DateTimeOffset(int column) =>
        NullableDateTimeOffset(column) ?? throw Cannot(column, IsNull ? null : "a zero date");

    /// <summary>Reads a point in time, or null for null and for a zero date; a value without a zone is taken as UTC.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly DateTimeOffset? NullableDateTimeOffset(int column) =>
        NullableDateTime(column) is { } value ? new DateTimeOffset(value.Ticks, System.TimeSpan.Zero) : null;

    /// <summary>Reads a date.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none, or a zero date.</exception>
    public readonly DateOnly DateOnly(int column) => NullableDateOnly(column) ?? throw Cannot(column, IsNull ? null : "a zero date");

    /// <summary>Reads a date, or null for null and for a zero date.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly DateOnly? NullableDateOnly(int column) =>
        NullableDateTime(column) is { } value ? System.DateOnly.FromDateTime(value) : null;

    /// <summary>Reads a span of time, which may be negative and longer than a day.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none.</exception>
    public readonly TimeSpan TimeSpan(int column) =>
        _json.TokenType == JsonTokenType.String && CanonicalTime.TryParseSpan(_json.ValueSpan, out var value)
            ? value
            : throw Cannot(column);

    /// <summary>Reads a time of day.</summary>
    /// <param name="column">The column's place in the record.</param>
    /// <exception cref="RowException">It is none: negative, or a day or longer.</exception>
    public readonly TimeOnly TimeOnly(int column) =>
        TimeSpan(column) is { Ticks: >= 0 and < System.TimeSpan.TicksPerDay } value
            ? System.TimeOnly.FromTimeSpan(value)
            : throw Cannot(column, "no time of day");

    // Kinds, never values: messages end up in logs, and rows are none of their business.
    private readonly RowException Cannot(int column, string? kind = null)
    {
        var wanted = _row.Columns[column];
        kind ??= _json.TokenType switch
        {
            JsonTokenType.Null => "null",
            JsonTokenType.String => "a string of another form",
            JsonTokenType.Number => "a number of another form",
            JsonTokenType.True or JsonTokenType.False => "a boolean",
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "an array",
            _ => "nothing",
        };
        return new RowException(
            $"{_row.Table}.{wanted.Name} is {kind}, which {_row.Record}.{wanted.Property} ({wanted.Type}) cannot hold."
        );
    }

    private readonly byte[] Unescaped()
    {
        var buffer = new byte[_json.ValueSpan.Length];
        return buffer[.._json.CopyString(buffer)];
    }
}
