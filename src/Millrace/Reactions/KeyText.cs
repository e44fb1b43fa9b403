using System.Globalization;

namespace Millrace;

/// <summary>A reaction's or view's key as text, the same on every machine.</summary>
internal static class KeyText
{
    public static string? Of<TKey>(TKey key) =>
        key switch
        {
            null => null,
            string text => text,
            IFormattable value => value.ToString(null, CultureInfo.InvariantCulture),
            _ => key.ToString(),
        };
}
