using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>The database logs nothing of what a foreign key deletes: the mirror takes those rows itself.</summary>
public class Cascades
{
    private static readonly OrderRow One = new(1, "open");
    private static readonly LineRow Line = new(1, 1, "book");

    [Fact]
    public void Children_go_with_their_root() =>
        Scenario
            .Of(Orders)
            .OnDeleteCascade<LineRow>()
            .Given(Insert(One), Insert(Line))
            .When(Delete(One))
            .Then(Order, 1, Saw("order Deleted: open -> - (0 lines)"), Saw("line Deleted: 1=book -> - (0 lines)"));

    [Fact]
    public void They_do_not_come_back_with_the_next_root_of_that_key() =>
        Scenario
            .Of(Orders)
            .OnDeleteCascade<LineRow>()
            .Given(Insert(One), Insert(Line))
            .Given(Delete(One))
            .When(Insert(One))
            .Then(Order, 1, Saw("order Inserted: - -> open (0 lines)"));

    [Fact]
    public void Children_of_a_key_that_does_not_cascade_stay_and_wait() =>
        Scenario
            .Of(Orders)
            .OnDeleteCascade<LineRow>()
            .Given(Insert(One), Insert(new RemarkRow(9, 1, "hello")))
            .Given(Delete(One))
            .When(Insert(One))
            .Then(Order, 1, Saw("order Inserted: - -> open (0 lines)"), Saw("remark Inserted: - -> hello (0 lines)"));

    [Fact]
    public void A_replaced_root_takes_them_too_as_the_database_does() =>
        Scenario
            .Of(Orders)
            .OnDeleteCascade<LineRow>()
            .Given(Insert(One), Insert(Line))
            .When(Replace(One with { Status = "busy" }))
            .Then(Order, 1, Saw("line Deleted: 1=book -> - (0 lines)"), Saw("order Updated: open -> busy (0 lines)"));
}
