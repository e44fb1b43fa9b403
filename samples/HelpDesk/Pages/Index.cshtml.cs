using Microsoft.AspNetCore.Mvc;

namespace HelpDesk.Pages;

public sealed class IndexModel(TicketStore tickets, PeopleStore people) : DeskPage
{
    public const int Limit = 100;
    public static readonly string[] StatusFilters = ["unresolved", .. TicketWords.Statuses, "all"];

    [BindProperty(SupportsGet = true)]
    public string Status { get; set; } = "unresolved";

    [BindProperty(SupportsGet = true)]
    public long? Category { get; set; }

    public IReadOnlyList<Category> Categories { get; private set; } = [];
    public IReadOnlyList<TicketLine> Tickets { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken stop)
    {
        Categories = await people.CategoriesAsync(stop);
        Tickets = await tickets.ListAsync(Status, Category, Limit, stop);
    }
}
