using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Millrace.Generators;

/// <summary>Which collections have no order of their own, and where that does not matter.</summary>
internal static class OrderRules
{
    private static readonly HashSet<string> Unordered =
    [
        "System.Collections.Generic.Dictionary<TKey, TValue>",
        "System.Collections.Generic.Dictionary<TKey, TValue>.KeyCollection",
        "System.Collections.Generic.Dictionary<TKey, TValue>.ValueCollection",
        "System.Collections.Generic.HashSet<T>",
        "System.Collections.Generic.IDictionary<TKey, TValue>",
        "System.Collections.Generic.IReadOnlyDictionary<TKey, TValue>",
        "System.Collections.Generic.ISet<T>",
        "System.Collections.Generic.IReadOnlySet<T>",
        "System.Collections.Immutable.ImmutableDictionary<TKey, TValue>",
        "System.Collections.Immutable.ImmutableHashSet<T>",
        "System.Collections.Immutable.IImmutableDictionary<TKey, TValue>",
        "System.Collections.Immutable.IImmutableSet<T>",
        "System.Collections.Frozen.FrozenDictionary<TKey, TValue>",
        "System.Collections.Frozen.FrozenSet<T>",
        "System.Collections.Concurrent.ConcurrentDictionary<TKey, TValue>",
        "System.Collections.Concurrent.ConcurrentBag<T>",
        "System.Collections.Hashtable",
    ];

    private static readonly HashSet<string> Indifferent =
    [
        "All",
        "Any",
        "Contains",
        "Count",
        "LongCount",
        "Max",
        "Min",
        "Order",
        "OrderBy",
        "OrderByDescending",
        "OrderDescending",
        "Sum",
        "ToDictionary",
        "ToHashSet",
        "TryGetNonEnumeratedCount",
    ];

    private static readonly HashSet<string> Lazy = ["Where", "Select", "OfType", "Cast", "Distinct", "SelectMany"];

    public static bool IsUnordered(ITypeSymbol? type) => type is not null && Unordered.Contains(type.OriginalDefinition.ToDisplayString());

    /// <summary>A list and its like, made of another collection in that one's order.</summary>
    public static bool IsSequence(ITypeSymbol? type) =>
        type?.OriginalDefinition.ToDisplayString()
            is "System.Collections.Generic.List<T>"
                or "System.Collections.Generic.Queue<T>"
                or "System.Collections.Generic.Stack<T>"
                or "System.Collections.Generic.LinkedList<T>";

    /// <summary>Calls outside LINQ that go through a collection in its order.</summary>
    public static bool KeepsOrder(IMethodSymbol method) =>
        method is { ContainingType.SpecialType: SpecialType.System_String, Name: "Join" or "Concat" }
        || (
            method.ContainingType.ToDisplayString()
                is "System.Collections.Immutable.ImmutableArray"
                    or "System.Collections.Immutable.ImmutableList"
            && method.Name is "ToImmutableArray" or "ToImmutableList" or "CreateRange"
        );

    public static bool OrderDoesNotMatter(IMethodSymbol method) => Indifferent.Contains(method.Name);

    /// <summary>Whether a chain like <c>set.Where(…).Select(…).Order()</c> ends in something that does not care.</summary>
    public static bool IsSorted(IInvocationOperation call)
    {
        while (Lazy.Contains(call.TargetMethod.Name))
        {
            IOperation? above = call.Parent;
            while (above is IConversionOperation or IArgumentOperation)
            {
                above = above.Parent;
            }
            if (above is not IInvocationOperation next || next.TargetMethod.ContainingType.ToDisplayString() != "System.Linq.Enumerable")
            {
                return false;
            }
            call = next;
        }
        return OrderDoesNotMatter(call.TargetMethod);
    }
}
