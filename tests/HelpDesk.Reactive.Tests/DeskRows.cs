using Millrace.Testing;
using static Millrace.Testing.Row;

namespace HelpDesk.Reactive.Tests;

/// <summary>A desk with two categories, and a ticket to work on.</summary>
static class DeskRows
{
    public static readonly DateTimeOffset Noon = new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly CategoryRow Mail = new(5, "Mail");
    public static readonly CategoryRow Network = new(6, "Network");

    public static readonly TicketRow Down = new(1, "Mail is down", "new", Priority: 1, Mail.Id, null, "Maria", Noon, Noon);

    public static TicketCard Card(TicketRow row, CategoryRow category) =>
        new(row.Subject, row.Priority, row.Status, category.Name, row.OpenedAt);

    public static TicketRow Later(this TicketRow row, double minutes) => row with { UpdatedAt = row.UpdatedAt.AddMinutes(minutes) };

    public static ReplyRow ByAgent(long id, TicketRow ticket, double minutes) => new(id, ticket.Id, "Ada", true, Noon.AddMinutes(minutes));

    public static ReplyRow ByCustomer(long id, TicketRow ticket, double minutes) =>
        new(id, ticket.Id, "Maria", false, Noon.AddMinutes(minutes));

    public static Scenario Begin(Rules? rules = null) =>
        Scenario
            .Of(Desk.Topology, rules ?? new Rules())
            .OnDeleteCascade<ReplyRow>()
            .OnDeleteCascade<TagRow>()
            .Given(Insert(Mail), Insert(Network));
}
