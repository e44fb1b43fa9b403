using System.Text;
using System.Text.Json;

namespace Millrace.Testing;

/// <summary>Compares what a test expects with what there was, and shows the two side by side.</summary>
internal static class Difference
{
    /// <summary>Null where they are equal; else what a person wants to read.</summary>
    public static string? Between(IReadOnlyList<Shown> expected, IReadOnlyList<Shown> actual, string wasExpected, string was)
    {
        if (expected.Count == actual.Count && expected.Zip(actual).All(pair => pair.First.Same(pair.Second)))
        {
            return null;
        }
        var text = new StringBuilder();
        foreach (var (mark, shown) in Align(expected, actual))
        {
            var note = mark switch
            {
                '-' => $"   <- {wasExpected}",
                '+' => $"   <- {was}",
                _ => "",
            };
            text.AppendLine().Append("  ").Append(mark).Append(' ').Append(shown).Append(note);
        }
        return text.ToString();
    }

    // The longest common subsequence; lists in tests are short.
    private static List<(char Mark, Shown Shown)> Align(IReadOnlyList<Shown> expected, IReadOnlyList<Shown> actual)
    {
        var common = new int[expected.Count + 1, actual.Count + 1];
        for (var i = expected.Count - 1; i >= 0; i--)
        {
            for (var j = actual.Count - 1; j >= 0; j--)
            {
                common[i, j] = expected[i].Same(actual[j]) ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }
        var lines = new List<(char, Shown)>();
        int e = 0,
            a = 0;
        while (e < expected.Count || a < actual.Count)
        {
            if (e < expected.Count && a < actual.Count && expected[e].Same(actual[a]))
            {
                lines.Add(('=', expected[e++]));
                a++;
            }
            else if (a == actual.Count || (e < expected.Count && common[e + 1, a] >= common[e, a + 1]))
            {
                lines.Add(('-', expected[e++]));
            }
            else
            {
                lines.Add(('+', actual[a++]));
            }
        }
        return lines;
    }
}

/// <summary>A message as it stands in a log: its durable name and its JSON.</summary>
/// <param name="Name">The durable name.</param>
/// <param name="Json">The message.</param>
internal readonly record struct Shown(string Name, JsonElement Json)
{
    public bool Same(Shown other) => Name == other.Name && JsonElement.DeepEquals(Json, other.Json);

    public override string ToString() => Json.ValueKind == JsonValueKind.Undefined ? Name : $"{Name} {Json.GetRawText()}";
}
