using System.Buffers;
using System.Text;

namespace Millrace;

/// <summary>
/// Walks compact JSON that Millrace wrote itself (rows, command bodies) without parsing it: values are found by their ends. Nothing here validates;
/// the parser that makes the record does.
/// </summary>
internal static class JsonScan
{
    private static readonly SearchValues<byte> InString = SearchValues.Create((byte)'"', (byte)'\\');
    private static readonly SearchValues<byte> InNest = SearchValues.Create((byte)'"', (byte)'{', (byte)'}', (byte)'[', (byte)']');
    private static readonly SearchValues<byte> AfterScalar = SearchValues.Create((byte)',', (byte)'}', (byte)']');

    /// <summary>The index after the value that begins at <paramref name="at"/>.</summary>
    public static int EndOfValue(ReadOnlySpan<byte> json, int at)
    {
        switch (json[at])
        {
            case (byte)'"':
                return EndOfString(json, at);
            case (byte)'{':
            case (byte)'[':
                var depth = 0;
                while (true)
                {
                    var step = json[at..].IndexOfAny(InNest);
                    if (step < 0)
                    {
                        throw Broken(json);
                    }
                    at += step;
                    switch (json[at])
                    {
                        case (byte)'"':
                            at = EndOfString(json, at);
                            break;
                        case (byte)'{':
                        case (byte)'[':
                            depth++;
                            at++;
                            break;
                        default:
                            at++;
                            if (--depth == 0)
                            {
                                return at;
                            }
                            break;
                    }
                }
            default:
                var end = json[at..].IndexOfAny(AfterScalar);
                return end < 0 ? json.Length : at + end;
        }
    }

    private static int EndOfString(ReadOnlySpan<byte> json, int at)
    {
        at++;
        while (true)
        {
            var step = json[at..].IndexOfAny(InString);
            if (step < 0)
            {
                throw Broken(json);
            }
            at += step;
            if (json[at] == (byte)'"')
            {
                return at + 1;
            }
            at += 2;
        }
    }

    /// <summary>A JSON string's text as UTF-8; other values as they are.</summary>
    public static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> value, Span<byte> scratch)
    {
        if (value.IsEmpty || value[0] != (byte)'"')
        {
            return value;
        }
        var inner = value[1..^1];
        if (inner.IndexOf((byte)'\\') < 0)
        {
            return inner;
        }
        var reader = new System.Text.Json.Utf8JsonReader(value);
        reader.Read();
        var target = inner.Length <= scratch.Length ? scratch : new byte[inner.Length];
        return target[..reader.CopyString(target)];
    }

    public static FormatException Broken(ReadOnlySpan<byte> json) =>
        new($"Not the JSON that was expected: {Encoding.UTF8.GetString(json[..Math.Min(json.Length, 120)])}");
}

/// <summary>Walks the members of a compact JSON object in order.</summary>
internal ref struct JsonMembers(ReadOnlySpan<byte> json)
{
    private readonly ReadOnlySpan<byte> _json = json;
    private int _at = 1;

    /// <summary>The member's name, as escaped.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>The member's value.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    public bool MoveNext()
    {
        if (_at >= _json.Length || _json[_at] == (byte)'}')
        {
            return false;
        }
        if (_json[_at] == (byte)',')
        {
            _at++;
        }
        var end = JsonScan.EndOfValue(_json, _at);
        Name = _json[(_at + 1)..(end - 1)];
        var start = end + 1;
        _at = JsonScan.EndOfValue(_json, start);
        Value = _json[start.._at];
        return true;
    }

    /// <summary>A member's value, or empty.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var members = new JsonMembers(json);
        while (members.MoveNext())
        {
            if (members.Name.SequenceEqual(name))
            {
                return members.Value;
            }
        }
        return default;
    }
}
