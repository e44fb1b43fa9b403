using System.Text;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>The decision on a native command, a rejection too, is recorded in the same commit; what a client is told is read from there.</summary>
public class OutcomeInTheLog
{
    private static readonly SendOptions Key = new() { IdempotencyKey = "k" };

    private static Scenario One => Scenario.Of(Orders).Given(Insert(new OrderRow(1, "open")));

    [Fact]
    public void An_accepted_command_is_recorded() =>
        Assert.Equal(["1 {\"events\":1,\"sequence\":2}"], Outcomes(One.When(1, new Saying.Say("yes")).ThenAccepted()));

    [Fact]
    public void A_rejected_command_is_recorded() =>
        Assert.Equal(
            ["1 {\"rejected\":\"I will not say no.\",\"events\":0,\"sequence\":2}"],
            Outcomes(One.When(1, new Saying.Say("no")).ThenRejected("I will not say no."))
        );

    [Fact]
    public void A_command_for_nobody_is_answered_and_recorded() =>
        Assert.Equal(
            ["2 {\"rejected\":\"There is no order 2.\",\"events\":0,\"sequence\":0}"],
            Outcomes(One.When(2, new Saying.Say("yes")).ThenRejected("There is no order 2."))
        );

    [Fact]
    public void A_repeated_command_gets_the_recorded_answer_and_is_not_decided_again() =>
        One.When(1, new Saying.Say("yes"), Key)
            .Then(Order, 1, Saw("yes after 1"))
            .When(1, new Saying.Say("yes"), Key)
            .ThenAccepted()
            .Then(Order, 1);

    [Fact]
    public void The_recorded_answer_stands_though_the_entity_is_gone_since() =>
        One.Given(Insert(new OrderRow(2, "open")))
            .When(1, new Saying.Say("yes"), Key)
            .Given(Delete(new OrderRow(1, "open")))
            .When(1, new Saying.Say("yes"), Key)
            .ThenAccepted()
            .Then(Order, 1)
            .When(1, new Saying.Say("yes"))
            .ThenRejected("There is no order 1.");

    [Fact]
    public void The_same_key_for_another_entity_is_another_command() =>
        One.Given(Insert(new OrderRow(2, "open")))
            .When(1, new Saying.Say("yes"), Key)
            .When(2, new Saying.Say("yes"), Key)
            .Then(Order, 2, Saw("yes after 1"));

    [Fact]
    public void A_key_is_forgotten_when_its_window_has_passed_in_event_time() =>
        One.When(1, new Saying.Say("yes"), Key)
            .After(TimeSpan.FromDays(6.9))
            .When(1, new Saying.Say("yes"), Key)
            .Then(Order, 1)
            .After(TimeSpan.FromDays(0.2))
            .When(1, new Saying.Say("yes"), Key)
            .Then(Order, 1, Saw("yes after 2"));

    [Fact]
    public void A_command_that_expects_another_sequence_is_rejected() =>
        One.When(1, new Saying.Say("yes"), new SendOptions { ExpectedSequence = 0 })
            .ThenRejected("order 1 is at sequence 1, not 0.")
            .When(1, new Saying.Say("yes"), new SendOptions { ExpectedSequence = 1 })
            .ThenAccepted();

    [Fact]
    public void The_answer_survives_the_process() =>
        One.When(1, new Saying.Say("yes"), Key).Restarted().When(1, new Saying.Say("yes"), Key).ThenAccepted().Then(Order, 1);

    private static List<string> Outcomes(Scenario scenario)
    {
        var outcomes = scenario.Runtime.Application.Outcomes(Order);
        var found = new List<string>();
        for (var partition = 0; partition < outcomes.Partitions; partition++)
        {
            using var reader = scenario.Engine.Read(new TopicPartition(outcomes, partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    found.Add($"{Encoding.UTF8.GetString(record.Key.Span)} {Encoding.UTF8.GetString(record.Value.Span)}");
                }
            }
        }
        return found;
    }
}
