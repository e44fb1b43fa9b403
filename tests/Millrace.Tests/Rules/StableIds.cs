using System.Text;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>An id comes from the source transaction or the client's key, and from ordinals: never from who computed it, or when.</summary>
public class StableIds
{
    private static readonly OrderRow One = new(1, "open");

    [Fact]
    public void An_events_id_is_that_of_its_command_and_its_ordinal()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(One)).When(Update(One with { Status = "busy" }), Insert(new LineRow(1, 1, "book")));
        Assert.Equal(
            ["fake-1-2:0/0 of fake-1-2:0, fake-1-2, 2", "fake-1-2:0/1 of fake-1-2:0, fake-1-2, 2"],
            Facts(scenario).Select(Identity)
        );
    }

    [Fact]
    public void A_native_commands_id_is_the_clients_key()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(One)).When(1, new Saying.Say("hello"), new SendOptions { IdempotencyKey = "k-17" });
        Assert.Equal(["order/1/k-17/0 of order/1/k-17, order/1/k-17, 2"], Facts(scenario).Select(Identity));
    }

    [Fact]
    public void The_same_changes_give_the_same_facts_however_many_partitions_decide()
    {
        var four = Facts(Busy(Scenario.Of(Orders, 4)), whole: true);
        var one = Facts(Busy(Scenario.Of(Orders, 1)), whole: true);
        Assert.Equal(47, one.Count);
        Assert.Equal(one.Select(Whole).Order(StringComparer.Ordinal), four.Select(Whole).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_two_facts_have_one_id()
    {
        var facts = Facts(Busy(Scenario.Of(Orders, 4)), whole: true);
        Assert.Equal(facts.Count, facts.Select(fact => fact[Header.Id]).Distinct().Count());
    }

    // Inserts, children, moves, a replaced row, a snapshot with net changes, a sweep.
    private static Scenario Busy(Scenario scenario)
    {
        var orders = Enumerable.Range(1, 20).Select(id => new OrderRow(id, "open")).ToList();
        var remark = new RemarkRow(1, 3, "hello");
        return scenario
            .Given([.. orders.Select(Insert)])
            .Given([.. orders.Select(order => Insert(new LineRow(order.Id, 1, "book")))])
            .Given(Insert(remark))
            .Given(Update(remark with { OrderId = 4 }), Replace(orders[6] with { Status = "busy" }))
            .Unseen(Update(orders[0] with { Status = "done" }), Delete(orders[1]), Delete(orders[2]))
            .Snapshot();
    }

    private static List<LogEntry> Facts(Scenario scenario, bool whole = false) =>
        scenario.Since(scenario.Runtime.Application.Events(Order), fromStart: whole);

    private static string Identity(LogEntry e) =>
        $"{e[Header.Id]} of {e[Header.CausationId]}, {e[Header.CorrelationId]}, {e[Header.Sequence]}";

    private static string Whole(LogEntry e) =>
        $"{Encoding.UTF8.GetString(e.Key)} {Identity(e)} at {e.Time}: {Encoding.UTF8.GetString(e.Value)}";
}
