using System.Globalization;

namespace Millrace;

/// <summary>
/// Which entity of its aggregate: the root row's key as text. A composite key's parts are joined by <c>,</c> with <c>,</c> and <c>\</c> in a part
/// escaped by <c>\</c>.
/// </summary>
/// <param name="Value">The text.</param>
public readonly record struct EntityId(string Value)
{
    /// <summary>Of a numeric key.</summary>
    public static implicit operator EntityId(long value) => new(value.ToString(CultureInfo.InvariantCulture));

    /// <summary>Of a text key.</summary>
    public static implicit operator EntityId(string value) => new(value);

    /// <summary>Of a composite key.</summary>
    /// <param name="parts">The parts, in the key's order.</param>
    public static EntityId Of(params ReadOnlySpan<EntityId> parts)
    {
        if (parts.Length == 1)
        {
            return parts[0];
        }
        var escaped = new string[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            escaped[i] = parts[i].Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
        }
        return new EntityId(string.Join(',', escaped));
    }

    /// <inheritdoc />
    public override string ToString() => Value;
}
