namespace Millrace.Docs.Tests;

static class Until
{
    // Long enough for a machine that builds many other things at the same time.
    static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    /// <summary>Looks again and again until a condition holds; fails at the deadline, or when it cannot come true any more.</summary>
    public static Task TrueAsync(Func<bool> holds, Func<bool> canStill, Func<string> otherwise) =>
        TrueAsync(() => Task.FromResult(holds()), canStill, otherwise);

    /// <inheritdoc cref="TrueAsync(Func{bool}, Func{bool}, Func{string})"/>
    public static async Task TrueAsync(Func<Task<bool>> holds, Func<bool> canStill, Func<string> otherwise)
    {
        var end = DateTime.UtcNow + Deadline;
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            // Asked first, so that what came last is still seen.
            var last = !canStill() || DateTime.UtcNow > end;
            if (await holds())
            {
                return;
            }

            if (last)
            {
                Assert.Fail(otherwise());
            }

            await tick.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }
}
