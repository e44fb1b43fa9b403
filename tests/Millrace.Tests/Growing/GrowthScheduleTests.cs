using System.Globalization;

namespace Millrace.Tests.Growing;

public sealed class GrowthScheduleTests
{
    /// <summary>How many schedules; 1,000,000 take a while.</summary>
    private static readonly int Schedules = Of("MILLRACE_GROWTH_SCHEDULES", 200);

    /// <summary>The first of them; a schedule that failed is run alone by its number, with MILLRACE_GROWTH_SCHEDULES=1.</summary>
    private static readonly int First = Of("MILLRACE_FIRST_SCHEDULE", 0);

    [Fact]
    public async Task Whatever_happens_each_command_is_decided_once_in_order_and_the_events_are_those_without_growth()
    {
        long fences = 0,
            late = 0;
        await Parallel.ForAsync(
            First,
            First + Schedules,
            TestContext.Current.CancellationToken,
            async (seed, _) =>
            {
                await using var schedule = new GrowthSchedule(seed);
                string? wrong;
                try
                {
                    wrong = schedule.Run();
                }
                catch (Exception failure)
                {
                    wrong = failure.ToString();
                }
                Assert.True(wrong is null, $"Schedule {seed}: {wrong}\n{schedule.Story}");
                Interlocked.Add(ref fences, schedule.Fences);
                Interlocked.Add(ref late, schedule.Late);
            }
        );
        // A simulation in which nothing is ever added, and nothing late, would show nothing.
        Assert.True(fences > Schedules, $"{fences} fences in {Schedules} schedules");
        Assert.True(late > Schedules / 4, $"{late} late commands in {Schedules} schedules");
        TestContext.Current.TestOutputHelper?.WriteLine($"{fences} fences and {late} late commands in {Schedules} schedules");
    }

    private static int Of(string name, int otherwise) =>
        int.Parse(
            Environment.GetEnvironmentVariable(name) ?? otherwise.ToString(CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture
        );
}
