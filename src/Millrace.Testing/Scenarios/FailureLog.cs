using Microsoft.Extensions.Logging;

namespace Millrace.Testing;

/// <summary>Keeps the exceptions that the runtime survives by parking or rejecting, so that a scenario can show them.</summary>
internal sealed class FailureLog : ILogger
{
    private readonly List<(string Message, Exception Failure)> _failures = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        if (exception is not null)
        {
            _failures.Add((formatter(state, exception), exception));
        }
    }

    /// <summary>Throws the first failure there was, unless none was.</summary>
    public void Require()
    {
        if (_failures.Count > 0)
        {
            var (message, failure) = _failures[0];
            _failures.Clear();
            throw new ScenarioException($"{message}{Environment.NewLine}{failure.GetType().Name}: {failure.Message}", failure);
        }
    }

    /// <summary>The failures were expected.</summary>
    public int Take()
    {
        var count = _failures.Count;
        _failures.Clear();
        return count;
    }
}
