using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>All changes of one source transaction for one entity are one command: the mirror takes them all, then they are decided in order.</summary>
public class OneTransactionOneCommand
{
    private static readonly OrderRow One = new(1, "open");

    [Fact]
    public void The_first_decision_knows_the_rows_inserted_last() =>
        Scenario
            .Of(Orders)
            .When(Insert(One), Insert(new LineRow(1, 1, "book")), Insert(new LineRow(1, 2, "pen")))
            .Then(
                Order,
                1,
                Saw("order Inserted: - -> open (2 lines)"),
                Saw("line Inserted: - -> 1=book (2 lines)"),
                Saw("line Inserted: - -> 2=pen (2 lines)")
            );

    [Fact]
    public void They_are_decided_in_the_order_of_the_transaction() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One))
            .When(Insert(new LineRow(1, 2, "pen")), Update(One with { Status = "busy" }), Insert(new LineRow(1, 1, "book")))
            .Then(
                Order,
                1,
                Saw("line Inserted: - -> 2=pen (2 lines)"),
                Saw("order Updated: open -> busy (2 lines)"),
                Saw("line Inserted: - -> 1=book (2 lines)")
            );

    [Fact]
    public void Each_entity_gets_one_command_with_one_sequence()
    {
        var scenario = Scenario
            .Of(Orders)
            .When(Insert(One), Insert(One with { Id = 2 }), Insert(new LineRow(1, 1, "book")), Insert(new LineRow(2, 1, "pen")));
        var application = scenario.Runtime.Application;
        var commands = new List<string>();
        for (var partition = 0; partition < application.Partitions; partition++)
        {
            using var reader = scenario.Engine.Read(new TopicPartition(application.Commands(Order), partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    if (new RecordHeaders(record.Headers.Span).Kind == RecordKind.Changes)
                    {
                        commands.Add(System.Text.Encoding.UTF8.GetString(record.Key.Span));
                    }
                }
            }
        }
        Assert.Equal(["1", "2"], commands.Order());
        Assert.All(scenario.Since(application.Events(Order)), e => Assert.Equal("1", e[Header.Sequence]));
    }

    [Fact]
    public void A_root_that_comes_and_changes_in_one_transaction_says_both() =>
        Scenario
            .Of(Orders)
            .When(Insert(One), Insert(new LineRow(1, 1, "book")), Update(One with { Status = "busy" }))
            .Then(
                Order,
                1,
                Saw("order Inserted: - -> open (1 lines)"),
                Saw("order Updated: open -> busy (1 lines)"),
                Saw("line Inserted: - -> 1=book (1 lines)")
            );

    [Fact]
    public void OnTransaction_decides_once_after_its_last_change()
    {
        var counting = Order.OnTransaction((state, root, context) => [Saw($"{root?.Kind} with {context.Children<LineRow>().Count} lines")]);
        Scenario
            .Of(Topology.Named("counting").Json(WitnessJson.Default).Add(counting))
            .When(Insert(One), Insert(new LineRow(1, 1, "book")))
            .Then(
                Order,
                1,
                Saw("order Inserted: - -> open (1 lines)"),
                Saw("line Inserted: - -> 1=book (1 lines)"),
                Saw("Inserted with 1 lines")
            );
    }
}
