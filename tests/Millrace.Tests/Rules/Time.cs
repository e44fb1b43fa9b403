using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>A partition's time is the running maximum of its records' times; times too far ahead are refused at append.</summary>
public class Time
{
    private static readonly DateTimeOffset Noon = new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly OrderRow One = new(1, "open", UpdatedAt: Noon);

    [Fact]
    public void A_change_has_its_rows_business_time() =>
        Assert.Equal([Instants.Of(Noon)], TimesOf(Scenario.Of(Orders).At(Noon.AddMinutes(10)).When(Insert(One))));

    [Fact]
    public void A_business_time_that_did_not_change_is_not_that_of_this_change() =>
        Assert.Equal(
            [Instants.Of(Noon.AddMinutes(10))],
            TimesOf(Scenario.Of(Orders).Given(Insert(One)).At(Noon.AddMinutes(10)).When(Update(One with { Status = "busy" })))
        );

    [Fact]
    public async Task A_business_time_too_far_ahead_is_replaced_by_the_commits()
    {
        var scenario = Scenario.Of(Orders).At(Noon);
        var ahead = One with { UpdatedAt = Noon.AddHours(2) };
        await scenario.Binlog.WriteAsync([.. scenario.Monolith.Do(Insert(ahead))], scenario.Now, TestContext.Current.CancellationToken);
        scenario.Settle();
        Assert.Equal([Instants.Of(Noon)], TimesOf(scenario));
    }

    [Fact]
    public async Task A_business_time_a_little_ahead_is_kept()
    {
        var scenario = Scenario.Of(Orders).At(Noon);
        var ahead = One with { UpdatedAt = Noon.AddMinutes(59) };
        await scenario.Binlog.WriteAsync([.. scenario.Monolith.Do(Insert(ahead))], scenario.Now, TestContext.Current.CancellationToken);
        scenario.Settle();
        Assert.Equal([Instants.Of(Noon.AddMinutes(59))], TimesOf(scenario));
    }

    [Fact]
    public void A_partitions_time_never_goes_back()
    {
        var scenario = Scenario.Of(Orders, 1).At(Noon.AddHours(3)).Given(Insert(One with { UpdatedAt = Noon.AddHours(3) }));
        var late = scenario.When(Insert(One with { Id = 2, UpdatedAt = Noon }));
        Assert.Equal([Instants.Of(Noon)], TimesOf(late));
        Assert.Equal(Instants.Of(Noon.AddHours(3)), Assert.Single(late.Runtime.Status().Partitions).Time);
    }

    private static IEnumerable<long> TimesOf(Scenario scenario) =>
        scenario.Since(scenario.Runtime.Application.Events(Order)).Select(e => e.Time);
}
