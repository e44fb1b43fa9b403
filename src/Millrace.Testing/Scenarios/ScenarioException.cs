namespace Millrace.Testing;

/// <summary>A scenario went otherwise than it says; the message shows how. Every test framework reports it as a failed test.</summary>
public sealed class ScenarioException : Exception
{
    /// <summary>With a message.</summary>
    public ScenarioException(string message)
        : base(message) { }

    /// <summary>With a message and a cause.</summary>
    public ScenarioException(string message, Exception? cause)
        : base(message, cause) { }

    /// <summary>Without a message.</summary>
    public ScenarioException() { }
}
