using System.Globalization;

namespace Millrace.Tests.Replay;

public sealed class CutoverTests
{
    /// <summary>How many schedules; 1,000,000 take a while.</summary>
    private static readonly int Schedules = int.Parse(
        Environment.GetEnvironmentVariable("MILLRACE_SCHEDULES") ?? "10000",
        CultureInfo.InvariantCulture
    );

    /// <summary>The first of them; a schedule that failed is run alone by its number, with MILLRACE_SCHEDULES=1.</summary>
    private static readonly int First = int.Parse(
        Environment.GetEnvironmentVariable("MILLRACE_FIRST_SCHEDULE") ?? "0",
        CultureInfo.InvariantCulture
    );

    [Fact]
    public async Task Whatever_happens_each_event_is_read_once_in_order_from_the_generation_that_was_live()
    {
        long fences = 0;
        await Parallel.ForAsync(
            First,
            First + Schedules,
            TestContext.Current.CancellationToken,
            async (seed, _) =>
            {
                await using var cutover = new Cutover(seed);
                var wrong = cutover.Run();
                Assert.True(wrong is null, $"Schedule {seed}: {wrong}\n{cutover.Story}");
                Interlocked.Add(ref fences, cutover.Fences);
            }
        );
        // A simulation in which nothing is ever promoted would show nothing.
        Assert.True(fences > Schedules / 4, $"{fences} fences in {Schedules} schedules");
        TestContext.Current.TestOutputHelper?.WriteLine($"{fences} fences in {Schedules} schedules");
    }
}
