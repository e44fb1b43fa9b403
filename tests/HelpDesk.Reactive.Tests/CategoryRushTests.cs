using Millrace;
using Millrace.Testing;
using static HelpDesk.Reactive.Tests.DeskRows;
using static Millrace.Testing.Row;

namespace HelpDesk.Reactive.Tests;

public class CategoryRushTests
{
    static readonly Rules ThreeAreFine = new(RushAbove: 3);
    static readonly Alert Told = new("4 tickets within an hour in Mail");

    [Fact]
    public void One_alert_when_the_number_exceeds_the_threshold() =>
        Open(Begin(ThreeAreFine), (1, 0), (2, 10), (3, 20))
            .ThenNoIntent()
            .When(Opened(4, 30))
            .Then(Told)
            .When(Opened(5, 31))
            .ThenNoIntent()
            .After(TimeSpan.FromDays(1))
            .ThenNoIntent();

    [Fact]
    public void What_is_an_hour_old_does_not_count() =>
        Open(Begin(ThreeAreFine), (1, 0), (2, 10), (3, 20)).When(Opened(4, 60)).ThenNoIntent();

    [Fact]
    public void At_the_threshold_again_it_is_armed_again() =>
        Open(Begin(ThreeAreFine), (1, 0), (2, 10), (3, 20), (4, 30)).When(Opened(5, 61)).Then(Told);

    [Fact]
    public void What_is_an_hour_old_has_gone_before_the_next_one_is_counted() =>
        Open(Begin(ThreeAreFine), (1, 0), (2, 10), (3, 20), (4, 30)).When(Opened(5, 60)).Then(Told);

    [Fact]
    public void Another_category_counts_for_itself() =>
        Open(Begin(ThreeAreFine), (1, 0), (2, 10), (3, 20))
            .When(Insert(Down with { Id = 4, CategoryId = Network.Id, UpdatedAt = Noon.AddMinutes(30) }))
            .ThenNoIntent();

    [Fact]
    public void A_rush_of_tickets_that_were_there_alerts_while_it_lasts_and_never_after()
    {
        RowOp[] LastHour(long category, double minutes) =>
            [.. Enumerable.Range(1, 4).Select(n => Insert(Opened(category * 10 + n, -minutes - n, category)))];
        Begin(ThreeAreFine).At(Noon).Unseen([.. LastHour(Mail.Id, 40), .. LastHour(Network.Id, 180)]).Snapshot().Then(Told);
    }

    static Scenario Open(Scenario scenario, params (long Id, double Minute)[] tickets) =>
        tickets.Aggregate(scenario, (s, ticket) => s.When(Opened(ticket.Id, ticket.Minute)));

    static RowOp Opened(long id, double minute) => Insert(Opened(id, minute, Mail.Id));

    // Updated since: when it was opened is another column.
    static TicketRow Opened(long id, double minute, long category) =>
        Down with
        {
            Id = id,
            CategoryId = category,
            OpenedAt = Noon.AddMinutes(minute),
            UpdatedAt = Noon.AddMinutes(minute < 0 ? -1 : minute),
        };
}
