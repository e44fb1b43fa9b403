namespace Millrace;

/// <summary>What was asked of a replay cannot be done now; the message says why and what to do.</summary>
internal sealed class ReplayException(IReadOnlyList<string> problems) : Exception(string.Join('\n', problems))
{
    public ReplayException(string problem)
        : this([problem]) { }

    public IReadOnlyList<string> Problems => problems;
}
