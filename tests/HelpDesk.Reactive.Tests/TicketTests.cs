using static HelpDesk.Reactive.Tests.DeskRows;
using static HelpDesk.Reactive.TicketEvent;
using static Millrace.Testing.Row;

namespace HelpDesk.Reactive.Tests;

public class TicketTests
{
    [Fact]
    public void A_ticket_opens_with_its_first_reply_and_its_tags() =>
        Begin()
            .When(Insert(Down), Insert(new TagRow(1, "vip")), Insert(ByCustomer(1, Down, 0)))
            .Then(Ticket.Definition, 1, new Opened(Card(Down, Mail), "Maria"), new CustomerReplied("Maria"), new Tagged("vip"));

    [Fact]
    public void One_update_says_several_things() =>
        Begin()
            .Given(Insert(Down))
            .When(Update(Down.Later(1) with { Priority = 4, Status = "open", AssigneeId = 9, CategoryId = Network.Id }))
            .Then(
                Ticket.Definition,
                1,
                new Described("Mail is down", "Network"),
                new Prioritized(1, 4),
                new Assigned(9),
                new Progressed("open")
            );

    [Fact]
    public void The_first_answer_is_told_from_the_others() =>
        Begin()
            .Given(Insert(Down))
            .When(Insert(ByAgent(1, Down, 1)))
            .Then(Ticket.Definition, 1, new Answered("Ada", First: true))
            .When(Insert(ByAgent(2, Down, 2)))
            .Then(Ticket.Definition, 1, new Answered("Ada", First: false));

    [Fact]
    public void A_reply_that_goes_to_another_ticket_is_news_in_both()
    {
        var other = Down with { Id = 2 };
        var reply = ByAgent(1, Down, 1);
        Begin()
            .Given(Insert(Down), Insert(other), Insert(reply))
            .When(Update(reply with { TicketId = 2 }))
            .Then(Ticket.Definition, 1, new ReplyMovedOut(1, true))
            .Then(Ticket.Definition, 2, new ReplyMovedIn(1, true))
            .When(Insert(ByAgent(2, Down, 3)))
            .Then(Ticket.Definition, 1, new Answered("Ada", First: true));
    }

    [Fact]
    public void A_reply_before_its_ticket_waits() =>
        Begin()
            .When(Insert(ByAgent(1, Down, 1)))
            .Then(Ticket.Definition, 1)
            .When(Insert(Down))
            .Then(Ticket.Definition, 1, new Opened(Card(Down, Mail), "Maria"), new Answered("Ada", First: true));

    [Fact]
    public void A_ticket_waits_for_its_category()
    {
        var printer = Down with { CategoryId = 7 };
        Begin()
            .When(Insert(printer))
            .Then(Ticket.Definition, 1)
            .When(Insert(new CategoryRow(7, "Printing")))
            .Then(Ticket.Definition, 1, new Opened(Card(printer, new CategoryRow(7, "Printing")), "Maria"));
    }

    [Fact]
    public void Tagging_all_anew_says_only_what_is_new() =>
        Begin()
            .Given(Insert(Down), Insert(new TagRow(1, "vip")), Insert(new TagRow(1, "vpn")))
            .When(Delete(new TagRow(1, "vip")), Delete(new TagRow(1, "vpn")), Insert(new TagRow(1, "vip")), Insert(new TagRow(1, "laptop")))
            .Then(Ticket.Definition, 1, new Untagged("vpn"), new Tagged("laptop"));

    [Fact]
    public void A_deleted_ticket_takes_its_replies_and_tags_without_a_word_of_them() =>
        Begin()
            .Given(Insert(Down), Insert(ByAgent(1, Down, 1)), Insert(new TagRow(1, "vip")))
            .When(Delete(Down))
            .Then(Ticket.Definition, 1, new Deleted());

    [Fact]
    public void Resolved_closed_and_reopened() =>
        Begin()
            .Given(Insert(Down))
            .When(Update(Down.Later(1) with { Status = "resolved" }))
            .Then(Ticket.Definition, 1, new Resolved())
            .When(Update(Down.Later(2) with { Status = "closed" }))
            .Then(Ticket.Definition, 1, new Closed())
            .When(Update(Down.Later(3) with { Status = "open" }))
            .Then(Ticket.Definition, 1, new Reopened(Card(Down with { Status = "open" }, Mail)));

    [Fact]
    public void A_ticket_that_was_there_is_imported_and_a_second_snapshot_is_no_news() =>
        Begin()
            .Unseen(Insert(Down), Insert(ByAgent(1, Down, 1)))
            .Snapshot()
            .Then(Ticket.Definition, 1, new Imported(Card(Down, Mail)), new Answered("Ada", First: true))
            .Snapshot()
            .Then(Ticket.Definition, 1);

    [Fact]
    public void Seen_once_is_enough() =>
        Begin()
            .Given(Insert(Down))
            .When(1, new TicketCommand.Acknowledge("Ada"))
            .ThenAccepted()
            .Then(Ticket.Definition, 1, new Acknowledged("Ada"))
            .When(1, new TicketCommand.Acknowledge("Bruno"))
            .ThenRejected("Ada has acknowledged it already.")
            .When(Update(Down.Later(1) with { Status = "closed" }))
            .When(1, new TicketCommand.Acknowledge("Bruno"))
            .ThenRejected("The ticket is closed already.");
}
