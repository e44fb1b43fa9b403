using System.Diagnostics.CodeAnalysis;
using Xunit;

namespace Millrace.TestServers;

/// <summary>What a test does without something it needs: it is skipped with the reason, but in CI it fails.</summary>
public static class Unavailable
{
    /// <summary>Whether this run is one that must not skip (the environment variable CI is "true").</summary>
    public static bool MustNotSkip => string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Ends the running test.</summary>
    [DoesNotReturn]
    public static void Because(string reason)
    {
        if (MustNotSkip)
        {
            Assert.Fail($"CI=true, so this test may not be skipped: {reason}");
        }

        Assert.Skip(reason);
    }
}
