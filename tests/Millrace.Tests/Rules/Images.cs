using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>A row image without all columns is laid over the mirror; a column that the mirror does not have is unknown, not different.</summary>
public class Images
{
    private static readonly OrderRow One = new(1, "open", "fragile");

    [Fact]
    public void A_partial_image_keeps_what_it_does_not_say() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One))
            .When(Update(One with { Status = "busy" }).Only("id", "status"))
            .Then(Order, 1, Saw("order Updated: open/fragile -> busy/fragile (0 lines)"))
            .When(Update(One with { Status = "done", Note = null }))
            .Then(Order, 1, Saw("order Updated: busy/fragile -> done (0 lines)"));

    [Fact]
    public void A_partial_image_of_a_child_keeps_what_it_does_not_say() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One), Insert(new RemarkRow(9, 1, "hello")))
            .When(Update(new RemarkRow(9, 1, "hello")).Only("id", "order_id"))
            .Then(Order, 1)
            .When(Delete(new RemarkRow(9, 1, "hello")).Only("id", "order_id"))
            .Then(Order, 1, Saw("remark Deleted: hello -> - (0 lines)"));

    [Fact]
    public void An_image_that_does_not_say_whose_child_it_is_is_refused()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(One), Insert(new RemarkRow(9, 1, "hello")));
        var refused = Assert.Throws<Millrace.Sources.SourceException>(() => scenario.When(Delete(new RemarkRow(9, 1, "hello")).Only("id")));
        Assert.Contains("binlog_row_image=FULL", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_that_the_mirror_does_not_have_is_unknown_and_not_different() =>
        Scenario
            .Of(Orders)
            .Given(Insert(One).Only("id", "status"))
            .Snapshot()
            .Then(Order, 1)
            .When(Update(One with { Note = "heavy" }))
            .Then(Order, 1, Saw("order Updated: open/fragile -> open/heavy (0 lines)"));

    [Fact]
    public void A_column_added_to_the_table_is_no_news()
    {
        var scenario = Scenario.Of(Orders).Given(Insert(One));
        scenario.Binlog.MoreColumns["orders"] = ["colour"];
        scenario.Binlog.Altered("orders");
        scenario
            .Snapshot()
            .Then(Order, 1)
            .When(Update(One with { Note = "heavy" }))
            .Then(Order, 1, Saw("order Updated: open/fragile -> open/heavy (0 lines)"));
    }
}
