namespace Millrace;

/// <summary>What was asked of a replay cannot be done now; the message says why and what to do.</summary>
internal sealed class ReplayException(IReadOnlyList<string> problems, Exception? cause = null)
    : Exception(string.Join('\n', problems), cause)
{
    public ReplayException(string problem, Exception? cause = null)
        : this([problem], cause) { }

    public IReadOnlyList<string> Problems => problems;
}
