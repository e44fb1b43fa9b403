using Microsoft.AspNetCore.Mvc;

namespace HelpDesk.Pages;

public sealed class PeopleModel(PeopleStore people) : DeskPage
{
    public IReadOnlyList<Category> Categories { get; private set; } = [];
    public IReadOnlyList<Agent> Agents { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken stop)
    {
        Categories = await people.CategoriesAsync(stop);
        Agents = await people.AgentsAsync(stop);
    }

    public Task<IActionResult> OnPostAddCategoryAsync(string? name, CancellationToken stop) =>
        HereAfter(() => people.AddCategoryAsync(new NewCategory(name ?? ""), stop));

    public Task<IActionResult> OnPostRenameCategoryAsync(long id, string? name, CancellationToken stop) =>
        HereAfter(() => people.RenameCategoryAsync(id, new NewCategory(name ?? ""), stop));

    public Task<IActionResult> OnPostDeleteCategoryAsync(long id, CancellationToken stop) =>
        HereAfter(() => people.DeleteCategoryAsync(id, stop));

    public Task<IActionResult> OnPostAddAgentAsync(string? name, string? email, CancellationToken stop) =>
        HereAfter(() => people.AddAgentAsync(new NewAgent(name ?? "", email ?? ""), stop));

    public Task<IActionResult> OnPostDeleteAgentAsync(long id, CancellationToken stop) =>
        HereAfter(() => people.DeleteAgentAsync(id, stop));

    Task<IActionResult> HereAfter(Func<Task> work) =>
        DoAsync(
            async () =>
            {
                await work();
                return "/people";
            },
            "/people"
        );
}
