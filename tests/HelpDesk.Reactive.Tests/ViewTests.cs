using static HelpDesk.Reactive.Tests.DeskRows;
using static HelpDesk.Reactive.TicketEvent;
using static Millrace.Testing.Row;

namespace HelpDesk.Reactive.Tests;

public class ViewTests
{
    [Fact]
    public void The_list_has_a_ticket_while_it_is_open() =>
        Begin()
            .Given(Insert(Down))
            .ThenView(OpenTickets.Definition, 1, OpenTicket.Of(Card(Down, Mail)))
            .When(Update(Down.Later(1) with { Priority = 4, CategoryId = Network.Id }))
            .ThenView(OpenTickets.Definition, 1, new OpenTicket("Mail is down", 4, "new", "Network", Noon))
            .When(Update(Down.Later(2) with { Status = "resolved" }))
            .ThenView(OpenTickets.Definition, 1, null)
            .When(Update(Down.Later(3) with { Status = "waiting" }))
            .ThenView(OpenTickets.Definition, 1, new OpenTicket("Mail is down", 1, "waiting", "Mail", Noon))
            .When(1, new TicketCommand.Acknowledge("Ada"))
            .ThenView(OpenTickets.Definition, 1, new OpenTicket("Mail is down", 1, "waiting", "Mail", Noon, "Ada"));

    [Fact]
    public void A_story_counts_what_hangs_on_the_ticket_and_keeps_the_last_things_that_happened() =>
        Begin()
            .Given(Insert(Down), Insert(ByCustomer(1, Down, 0)), Insert(new TagRow(1, "vip")))
            .When(Insert(ByAgent(2, Down, 7)))
            .When(Delete(ByCustomer(1, Down, 0)))
            .ThenView(
                Stories.Definition,
                1,
                new TicketStory(
                    Replies: 1,
                    AgentReplies: 1,
                    Tags: ["vip"],
                    [
                        new(Noon, new Opened(Card(Down, Mail), "Maria")),
                        new(Noon, new CustomerReplied("Maria")),
                        new(Noon, new Tagged("vip")),
                        new(Noon.AddMinutes(7), new Answered("Ada", First: true)),
                        new(Noon.AddMinutes(7), new ReplyDeleted(1, false)),
                    ]
                )
            )
            .When(Delete(Down))
            .ThenView(Stories.Definition, 1, null);
}
