namespace Millrace;

/// <summary>
/// An application cannot start: everything that stands in the way, listed together, each with what mends it. Its text is for an operator, so it
/// is the message alone, without a stack trace.
/// </summary>
public sealed class MillraceStartException : Exception
{
    /// <summary>With everything that stands in the way.</summary>
    /// <param name="application">The topology's name.</param>
    /// <param name="problems">What is wrong, each with what mends it.</param>
    /// <param name="cause">The exception behind it, or null.</param>
    public MillraceStartException(string application, IReadOnlyList<string> problems, Exception? cause = null)
        : base(Text(application, problems), cause) => Problems = problems;

    /// <summary>With a message.</summary>
    public MillraceStartException(string message)
        : base(message) => Problems = [message];

    /// <summary>With a message and a cause.</summary>
    public MillraceStartException(string message, Exception? cause)
        : base(message, cause) => Problems = [message];

    /// <summary>Without a message.</summary>
    public MillraceStartException() => Problems = [];

    /// <summary>What is wrong, each with what mends it.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <inheritdoc />
    public override string ToString() => Message;

    private static string Text(string application, IReadOnlyList<string> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        // Continuation lines stand under their problem's first.
        var lines = problems.Select(problem => "  - " + problem.ReplaceLineEndings("\n").Replace("\n", "\n    ", StringComparison.Ordinal));
        return $"\"{application}\" cannot start:\n{string.Join('\n', lines)}";
    }
}
