using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace HelpDesk.Pages;

/// <summary>What the pages share: a refusal of the desk is shown above the page it came from.</summary>
public abstract class DeskPage : PageModel
{
    protected async Task<IActionResult> DoAsync(Func<Task<string>> work, string back)
    {
        try
        {
            return Redirect(await work());
        }
        catch (DeskException e)
        {
            TempData["Problem"] = e.Message;
            return Redirect(back);
        }
    }

    /// <summary>How long ago, as a person says it.</summary>
    public static string Age(DateTime since)
    {
        var age = DateTime.UtcNow - since;
        return age switch
        {
            { TotalMinutes: < 1 } => "just now",
            { TotalHours: < 1 } => $"{(int)age.TotalMinutes} min",
            { TotalDays: < 1 } => $"{(int)age.TotalHours} h {age.Minutes} min",
            { TotalDays: < 60 } => $"{(int)age.TotalDays} d {age.Hours} h",
            _ => since.ToString("d MMM yyyy"),
        };
    }
}
