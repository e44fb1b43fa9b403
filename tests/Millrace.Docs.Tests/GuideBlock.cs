using System.Text.RegularExpressions;

namespace Millrace.Docs.Tests;

/// <summary>A fenced block of a page: its language, <c>title="…"</c> and <c>terminal="…"</c>, and the text inside.</summary>
sealed partial record GuideBlock(string Language, string? Title, string? Terminal, string Text, int Line)
{
    public IEnumerable<string> Lines => Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public static List<GuideBlock> Read(string page)
    {
        var blocks = new List<GuideBlock>();
        var lines = page.ReplaceLineEndings("\n").Split('\n');
        for (var at = 0; at < lines.Length; at++)
        {
            if (!lines[at].StartsWith("```", StringComparison.Ordinal))
            {
                continue;
            }

            var (begin, fence) = (at + 1, Fence().Match(lines[at]));
            if (!fence.Success)
            {
                throw new FormatException(
                    $"Line {begin}: a block begins with ```language, title=\"…\" and terminal=\"…\", not {lines[at]}"
                );
            }

            do
            {
                at++;
            } while (lines[at] != "```");
            blocks.Add(new(fence.Groups[1].Value, Value(fence, 2), Value(fence, 3), string.Join('\n', lines[begin..at]) + "\n", begin));
        }

        return blocks;
    }

    static string? Value(Match match, int group) => match.Groups[group].Success ? match.Groups[group].Value : null;

    [GeneratedRegex("""^```(\w+)(?: title="([^"]+)")?(?: terminal="(\w+)")?$""")]
    private static partial Regex Fence();
}
