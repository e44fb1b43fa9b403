using Microsoft.AspNetCore.Mvc;

namespace HelpDesk.Pages;

public sealed class TicketModel(TicketStore tickets, PeopleStore people) : DeskPage
{
    [FromRoute]
    public long Id { get; set; }

    public TicketDetails Details { get; private set; } = null!;
    public IReadOnlyList<Category> Categories { get; private set; } = [];
    public IReadOnlyList<Agent> Agents { get; private set; } = [];

    string Here => $"/tickets/{Id}";

    public async Task<IActionResult> OnGetAsync(CancellationToken stop)
    {
        try
        {
            Details = await tickets.FindAsync(Id, stop);
        }
        catch (DeskException e)
        {
            TempData["Problem"] = e.Message;
            return Redirect("/");
        }
        Categories = await people.CategoriesAsync(stop);
        Agents = await people.AgentsAsync(stop);
        return Page();
    }

    public Task<IActionResult> OnPostChangeAsync(string? subject, string? status, int priority, long categoryId, CancellationToken stop) =>
        HereAfter(() => tickets.ChangeAsync(Id, new TicketChanges(subject, status, priority, categoryId), stop));

    public Task<IActionResult> OnPostAssignAsync(long? agentId, CancellationToken stop) =>
        HereAfter(() => tickets.AssignAsync(Id, agentId, stop));

    public Task<IActionResult> OnPostTagAsync(string? tags, CancellationToken stop) =>
        HereAfter(() => tickets.TagAsync(Id, Split(tags), stop));

    public Task<IActionResult> OnPostReplyAsync(string? author, string? body, CancellationToken stop)
    {
        // The choice says who and in which role: "agent:Ada" or "customer:Bea".
        var (role, name) = (author ?? "").Split(':', 2) is [var first, var second] ? (first, second) : ("", "");
        return HereAfter(() => tickets.ReplyAsync(Id, new NewReply(name, role == "agent", body ?? ""), stop));
    }

    public Task<IActionResult> OnPostMoveReplyAsync(long reply, long to, CancellationToken stop) =>
        HereAfter(() => tickets.MoveReplyAsync(reply, to, stop));

    public Task<IActionResult> OnPostDeleteReplyAsync(long reply, CancellationToken stop) =>
        HereAfter(() => tickets.DeleteReplyAsync(reply, stop));

    public Task<IActionResult> OnPostDeleteAsync(CancellationToken stop) =>
        DoAsync(
            async () =>
            {
                await tickets.DeleteAsync(Id, stop);
                return "/";
            },
            Here
        );

    public static string[] Split(string? tags) =>
        (tags ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    Task<IActionResult> HereAfter(Func<Task> work) =>
        DoAsync(
            async () =>
            {
                await work();
                return Here;
            },
            Here
        );
}
