using Millrace;
using static HelpDesk.Reactive.Tests.DeskRows;
using static Millrace.Testing.Row;

namespace HelpDesk.Reactive.Tests;

public class UnansweredTests
{
    static readonly TicketRow Urgent = Down with { Priority = 4 };
    static readonly Alert Told = new("Ticket 1 is urgent and nobody has answered");

    [Fact]
    public void Alerts_once_30_minutes_after_it_became_urgent() =>
        Begin()
            .Given(Insert(Down))
            .When(Update(Urgent.Later(5)))
            .At(Noon.AddMinutes(34))
            .ThenNoIntent()
            .At(Noon.AddMinutes(35))
            .Then(Told)
            .After(TimeSpan.FromDays(1))
            .ThenNoIntent();

    [Fact]
    public void An_answer_in_time_is_enough_and_a_customer_is_no_agent()
    {
        var other = Urgent with { Id = 2 };
        Begin()
            .Given(Insert(Urgent), Insert(other))
            .When(Insert(ByAgent(1, Urgent, 29)), Insert(ByCustomer(2, other, 29)))
            .After(TimeSpan.FromDays(1))
            .Then(new Alert("Ticket 2 is urgent and nobody has answered"));
    }

    [Fact]
    public void An_answer_at_the_very_moment_is_in_time() =>
        Begin().Given(Insert(Urgent)).When(Insert(ByAgent(1, Urgent, 30))).ThenNoIntent().After(TimeSpan.FromDays(1)).ThenNoIntent();

    [Theory]
    [InlineData("resolved", 4)]
    [InlineData("closed", 4)]
    [InlineData("open", 3)]
    public void Solved_or_no_longer_urgent_is_no_alert(string status, int priority) =>
        Begin()
            .Given(Insert(Urgent))
            .When(Update(Urgent.Later(10) with { Status = status, Priority = priority }))
            .After(TimeSpan.FromDays(1))
            .ThenNoIntent();

    [Fact]
    public void Urgent_again_and_still_unanswered_begins_anew() =>
        Begin()
            .Given(Insert(Urgent))
            .When(Update(Urgent.Later(10) with { Priority = 2 }))
            .When(Update(Urgent.Later(60)))
            .At(Noon.AddMinutes(89))
            .ThenNoIntent()
            .At(Noon.AddMinutes(90))
            .Then(Told);

    [Fact]
    public void A_deleted_ticket_waits_for_nobody() =>
        Begin().Given(Insert(Urgent)).When(Delete(Urgent)).After(TimeSpan.FromDays(1)).ThenNoIntent();

    [Fact]
    public void Tickets_that_were_there_alert_once_by_the_time_they_were_opened()
    {
        var recent = Urgent with { Id = 2, OpenedAt = Noon.AddMinutes(-10) };
        var answered = Urgent with { Id = 3 };
        Begin()
            .At(Noon)
            .Unseen(
                Insert(Urgent with { OpenedAt = Noon.AddDays(-3), UpdatedAt = Noon.AddDays(-1) }),
                Insert(recent),
                Insert(answered),
                Insert(ByAgent(1, answered, -1))
            )
            .Snapshot()
            .Then(Told)
            .At(Noon.AddMinutes(19))
            .ThenNoIntent()
            .At(Noon.AddMinutes(20))
            .Then(new Alert("Ticket 2 is urgent and nobody has answered"))
            .After(TimeSpan.FromDays(1))
            .ThenNoIntent();
    }

    [Fact]
    public void The_threshold_is_a_setting() =>
        Begin(new Rules(UrgentFrom: 3, UnansweredMinutes: 5)).When(Insert(Urgent with { Priority = 3 })).At(Noon.AddMinutes(5)).Then(Told);
}
