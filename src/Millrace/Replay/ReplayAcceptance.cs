using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millrace;

/// <summary>A kind of difference that is meant.</summary>
/// <param name="Of">The aggregate or reaction.</param>
/// <param name="Difference">changed, only-before or only-after.</param>
/// <param name="Type">The type of event or intent, or <c>answer</c>; <c>*</c> stands for any characters.</param>
/// <param name="Entity">The entity or the reaction's key; <c>*</c> stands for any characters.</param>
/// <param name="Why">Why, for those who read the file.</param>
internal sealed record AcceptedDifference(string Of, string Difference, string Type, string Entity, string? Why = null);

/// <summary>The differences that are meant, as a file under version control has them.</summary>
internal sealed class ReplayAcceptance(IReadOnlyList<AcceptedDifference> accepted)
{
    /// <summary>Entities of one kind of difference that are named one by one; of more, a pattern takes their place.</summary>
    private const int MostNamed = 20;

    private readonly long[] _hits = new long[accepted.Count];

    /// <summary>Those that met no difference.</summary>
    public IEnumerable<AcceptedDifference> Stale => accepted.Where((_, i) => Interlocked.Read(ref _hits[i]) == 0);

    /// <exception cref="ReplayException">It is not such a file.</exception>
    public static ReplayAcceptance Load(string path)
    {
        try
        {
            var file = JsonSerializer.Deserialize(File.ReadAllBytes(path), AcceptanceJson.Default.AcceptanceFile);
            foreach (var one in file?.Accepted ?? throw new JsonException("it has no \"accepted\""))
            {
                if (!KindNames.Contains(one.Difference))
                {
                    throw new JsonException($"\"{one.Difference}\" is no difference: there is {string.Join(", ", KindNames)}");
                }
            }
            return new ReplayAcceptance(file.Accepted);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ReplayException($"The accepted differences cannot be read from {path}: {e.Message}", e);
        }
    }

    public bool Accepts(Difference difference)
    {
        for (var i = 0; i < accepted.Count; i++)
        {
            var one = accepted[i];
            if (
                one.Difference == KindNames[(int)difference.Kind]
                && one.Of == difference.Of
                && Matches(one.Type, difference.Type)
                && Matches(one.Entity, difference.Entity)
            )
            {
                Interlocked.Increment(ref _hits[i]);
                return true;
            }
        }
        return false;
    }

    /// <summary>
    /// Writes what was accepted before and still occurs, and every difference that is left: in a fixed order, each entity by its name, or all of a
    /// kind by one pattern where they are many.
    /// </summary>
    public static void Save(string path, ReplayTally tally, ReplayAcceptance? before)
    {
        var all = new List<AcceptedDifference>(before?.Current ?? []);
        foreach (var ((_, of, type), found) in tally.Types)
        {
            foreach (var kind in found.ByEntity.Keys.GroupBy(key => key.Kind, key => key.Entity))
            {
                var entities = kind.ToList();
                all.AddRange(
                    (entities.Count > MostNamed ? ["*"] : entities).Select(entity => new AcceptedDifference(
                        of,
                        KindNames[(int)kind.Key],
                        type,
                        entity
                    ))
                );
            }
        }
        var ordered = all.DistinctBy(one => (one.Of, one.Difference, one.Type, one.Entity))
            .OrderBy(one => one.Of, StringComparer.Ordinal)
            .ThenBy(one => one.Difference, StringComparer.Ordinal)
            .ThenBy(one => one.Type, StringComparer.Ordinal)
            .ThenBy(one => one.Entity, StringComparer.Ordinal);
        File.WriteAllText(path, JsonSerializer.Serialize(new AcceptanceFile([.. ordered]), AcceptanceJson.Default.AcceptanceFile) + "\n");
    }

    /// <summary>The names of the kinds of difference.</summary>
    public static IReadOnlyList<string> KindNames { get; } = ["changed", "only-before", "only-after"];

    private IEnumerable<AcceptedDifference> Current => accepted.Where((_, i) => _hits[i] > 0);

    private static bool Matches(string pattern, string text)
    {
        if (!pattern.Contains('*', StringComparison.Ordinal))
        {
            return pattern == text;
        }
        var parts = pattern.Split('*');
        if (!text.StartsWith(parts[0], StringComparison.Ordinal) || text.Length < parts[0].Length + parts[^1].Length)
        {
            return false;
        }
        var at = parts[0].Length;
        var end = text.Length - parts[^1].Length;
        for (var i = 1; i < parts.Length - 1; i++)
        {
            var found = text.IndexOf(parts[i], at, end - at, StringComparison.Ordinal);
            if (found < 0)
            {
                return false;
            }
            at = found + parts[i].Length;
        }
        return text.EndsWith(parts[^1], StringComparison.Ordinal);
    }
}

/// <summary>The file.</summary>
internal sealed record AcceptanceFile(IReadOnlyList<AcceptedDifference> Accepted);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true,
    NewLine = "\n",
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(AcceptanceFile))]
internal sealed partial class AcceptanceJson : JsonSerializerContext;
