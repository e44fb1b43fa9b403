namespace Millrace.Hosting.Tests;

public sealed class FingerprintTests
{
    private static readonly AggregatePrint Ticket = new(
        "ticket",
        new TablePrint("tickets", ["id"], null),
        [new TablePrint("replies", ["id"], ["ticket_id"])],
        [new TablePrint("categories", ["id"], null)],
        ["ticket-closed", "ticket-opened"],
        ["acknowledge"]
    );

    private static readonly Fingerprint Before = new(
        8,
        ["helpdesk"],
        [Ticket],
        [new ViewPrint("open-tickets", "ticket", "entity", ["priority"])],
        [new ReactionPrint("category-rush", "ticket", "ticket-opened", "sliding 01:00:00")]
    );

    [Fact]
    public void What_is_the_same_may_start() => Assert.Empty(Changes(Before));

    [Fact]
    public void New_views_reactions_events_commands_and_tables_may_start() =>
        Assert.Empty(
            Changes(
                Before with
                {
                    Aggregates =
                    [
                        Ticket with
                        {
                            Children = [.. Ticket.Children, new TablePrint("tags", ["ticket_id", "tag"], ["ticket_id"])],
                            Events = [.. Ticket.Events, "ticket-reopened"],
                            Commands = ["acknowledge", "escalate"],
                        },
                        Ticket with
                        {
                            Name = "agent",
                            Root = new TablePrint("agents", ["id"], null),
                            Children = [],
                            References = [],
                        },
                    ],
                    Views = [.. Before.Views, new ViewPrint("stories", "ticket", "entity", [])],
                    Reactions = [.. Before.Reactions, new ReactionPrint("unanswered", "ticket", "entity", "state")],
                }
            )
        );

    [Fact]
    public void A_view_or_reaction_may_be_taken_out() => Assert.Empty(Changes(Before with { Views = [], Reactions = [] }));

    [Fact]
    public void A_renamed_aggregate_is_refused_with_its_new_name() =>
        Assert.StartsWith(
            "The aggregate \"ticket\" is gone (new aggregates: case)",
            Changes(Before with { Aggregates = [Ticket with { Name = "case" }] })[0],
            StringComparison.Ordinal
        );

    [Fact]
    public void Another_source_name_is_refused() =>
        Assert.Equal(
            "The source \"helpdesk\" is gone (new sources: desk); its name is part of what was recorded. Give the source its old name back.",
            Assert.Single(Changes(Before with { Sources = ["desk"] }))
        );

    [Fact]
    public void Another_key_child_or_foreign_key_is_refused()
    {
        Assert.StartsWith(
            "The aggregate \"ticket\": the key of tickets was (id) and is now (number)",
            One(Ticket with { Root = new TablePrint("tickets", ["number"], null) }),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "The aggregate \"ticket\" no longer has the child replies",
            One(Ticket with { Children = [] }),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "The aggregate \"ticket\": replies belonged to its parent by (ticket_id) and now does by (case_id)",
            One(Ticket with { Children = [new TablePrint("replies", ["id"], ["case_id"])] }),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_table_captured_before_without_the_aggregate_is_refused() =>
        Assert.StartsWith(
            "The new aggregate \"category\" maps categories, which was captured before without it",
            Changes(
                Before with
                {
                    Aggregates = [Ticket, Ticket with { Name = "category", Root = Ticket.References[0], Children = [], References = [] }],
                }
            )[0],
            StringComparison.Ordinal
        );

    [Fact]
    public void An_event_whose_name_is_gone_is_refused() =>
        Assert.StartsWith(
            "The aggregate \"ticket\" no longer knows the event \"ticket-closed\"",
            One(Ticket with { Events = ["ticket-opened"] }),
            StringComparison.Ordinal
        );

    [Fact]
    public void Another_key_index_or_window_asks_for_a_new_name()
    {
        Assert.Equal(
            "The view \"open-tickets\" had the entity as its key and now has a key of its own. Give it a new name: it is then built anew from the events.",
            Assert.Single(Changes(Before with { Views = [Before.Views[0] with { Key = "own" }] }))
        );
        Assert.StartsWith(
            "The view \"open-tickets\" had the indexes (priority) and now has (age)",
            Assert.Single(Changes(Before with { Views = [Before.Views[0] with { Indexes = ["age"] }] })),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "The reaction \"category-rush\" was \"sliding 01:00:00\" and is now \"sliding 02:00:00\"",
            Assert.Single(Changes(Before with { Reactions = [Before.Reactions[0] with { Shape = "sliding 02:00:00" }] })),
            StringComparison.Ordinal
        );
    }

    private static IReadOnlyList<string> Changes(Fingerprint now) => FingerprintComparison.Changes(Before, now);

    private static string One(AggregatePrint now) => Assert.Single(Changes(Before with { Aggregates = [now] }));
}
