using Millrace.Engines;
using Millrace.Sources;
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
    public async Task A_partitions_time_never_goes_back()
    {
        var scenario = Scenario.Of(Orders, 1).At(Noon);
        var ahead = One with { UpdatedAt = Noon.AddMinutes(59) };
        await scenario.Binlog.WriteAsync([.. scenario.Monolith.Do(Insert(ahead))], scenario.Now, TestContext.Current.CancellationToken);
        scenario.Settle();
        // A later record, and the ticks behind it, are of an earlier time.
        scenario.When(Insert(One with { Id = 2 }));
        Assert.Equal([Instants.Of(Noon)], TimesOf(scenario));
        Assert.Equal(Instants.Of(Noon.AddMinutes(59)), scenario.Runtime.Status().Partitions[0].Time);
    }

    [Fact]
    public void A_timer_fires_with_its_own_time_and_an_id_of_reaction_key_and_cause()
    {
        var scenario = Scenario.Of(Watch.Orders, new Limits()).At(Noon).Given(Insert(One)).After(TimeSpan.FromDays(2));
        var intent = Assert.Single(scenario.Since(scenario.Runtime.Application.Intents(Watch.Late)));
        Assert.Equal(Instants.Of(Noon.AddMinutes(30)), intent.Time);
        Assert.StartsWith("late/1/", intent[Header.Id], StringComparison.Ordinal);
        Assert.Contains("fake-1-1:0/0", intent[Header.Id], StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_of_the_timers_own_time_comes_before_it() =>
        Scenario
            .Of(Watch.Orders, new Limits())
            .Given(Insert(One))
            .When(Update(One with { Status = "done", UpdatedAt = Noon.AddMinutes(30) }))
            .ThenNoIntent()
            .After(TimeSpan.FromDays(1))
            .ThenNoIntent();

    [Fact]
    public async Task What_ticks_carry_is_the_smallest_watermark_and_never_ahead_of_the_clock()
    {
        var clock = new VirtualTime(Noon);
        await using var engine = new InMemoryEngine(clock);
        await using var runtime = new Runtime(
            Orders,
            new MillraceOptions(),
            engine,
            [new Named("a"), new Named("b")],
            new Dictionary<Type, object>(),
            new NoServices(),
            clock,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance
        );
        void Report(int source, DateTimeOffset? watermark) =>
            runtime
                .Captures[source]
                .Report(new SourceStatus { Connected = true, Watermark = watermark is { } time ? Instants.Of(time) : null });

        Report(0, Noon);
        // The other source has not said how far it is: nobody knows what is still unread.
        Assert.Equal(long.MinValue, runtime.Watermark);
        Report(1, Noon.AddMinutes(-20));
        Assert.Equal(Instants.Of(Noon.AddMinutes(-20)), runtime.Watermark);
        Report(1, Noon.AddMinutes(20));
        Assert.Equal(Instants.Of(Noon), runtime.Watermark);
    }

    private sealed class Named(string name) : ISource
    {
        public string Name => name;

        public Task RunAsync(ICapture capture, CancellationToken cancellation) => Task.CompletedTask;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }

    private static IEnumerable<long> TimesOf(Scenario scenario) =>
        scenario.Since(scenario.Runtime.Application.Events(Order)).Select(e => e.Time);
}
