using Microsoft.AspNetCore.Http;

namespace Millrace;

/// <summary>
/// Lets only the pages themselves, or a program, change something: another site's page cannot make an operator's browser do it.
/// </summary>
internal sealed class SameOrigin : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var request = context.HttpContext.Request;
        return Refusal(request) is { } refusal ? Results.Text(refusal, statusCode: StatusCodes.Status403Forbidden) : await next(context);
    }

    private static string? Refusal(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        if (site is not ("" or "same-origin" or "none"))
        {
            return "This request comes from another site's page.";
        }
        var origin = request.Headers.Origin.ToString();
        if (origin.Length > 0 && !string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase))
        {
            return $"This request comes from a page of {origin}.";
        }
        // A form of another site can send anything but JSON without asking first.
        return request.HasJsonContentType() ? null : "Send JSON (Content-Type: application/json).";
    }
}
