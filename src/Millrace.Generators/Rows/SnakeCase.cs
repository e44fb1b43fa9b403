using System.Text;

namespace Millrace.Generators;

/// <summary>A property's column where nothing else is said: <c>CategoryId</c> is <c>category_id</c>, <c>URLPath</c> is <c>url_path</c>.</summary>
internal static class SnakeCase
{
    public static string Of(string property)
    {
        var column = new StringBuilder(property.Length + 4);
        for (var i = 0; i < property.Length; i++)
        {
            var c = property[i];
            if (char.IsUpper(c) && i > 0 && property[i - 1] != '_')
            {
                var begins = !char.IsUpper(property[i - 1]) || (i + 1 < property.Length && char.IsLower(property[i + 1]));
                if (begins)
                {
                    column.Append('_');
                }
            }
            column.Append(char.ToLowerInvariant(c));
        }
        return column.ToString();
    }
}
