using Microsoft.AspNetCore.Mvc;

namespace HelpDesk.Pages;

public sealed class NewModel(TicketStore tickets, PeopleStore people) : DeskPage
{
    public IReadOnlyList<Category> Categories { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken stop) => Categories = await people.CategoriesAsync(stop);

    public Task<IActionResult> OnPostAsync(
        string? subject,
        int priority,
        long categoryId,
        string? openedBy,
        string? body,
        string? tags,
        CancellationToken stop
    ) =>
        DoAsync(
            async () =>
            {
                var ticket = new NewTicket(subject ?? "", priority, categoryId, openedBy ?? "", body, TicketModel.Split(tags));
                return $"/tickets/{(await tickets.OpenAsync(ticket, stop)).Ticket.Id}";
            },
            "/new"
        );
}
