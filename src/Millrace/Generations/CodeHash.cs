using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Millrace;

/// <summary>Names the code that decides: which methods of which builds. What a method has captured is not seen.</summary>
internal static class CodeHash
{
    public static string Of(Topology topology)
    {
        var parts = topology.Aggregates.OrderBy(aggregate => aggregate.Name, StringComparer.Ordinal).Select(Of);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))).AsSpan(0, 8));
    }

    private static string Of(AggregateDefinition aggregate) =>
        $"{aggregate.Name}:{string.Join(',', aggregate.Code.Select(Name).Order(StringComparer.Ordinal))}";

    private static string Name(MethodInfo method) =>
        string.Create(CultureInfo.InvariantCulture, $"{method.Module.ModuleVersionId:N}/{method.MetadataToken:x8}");
}
