using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Millrace;

/// <summary>The partitions of the command logs: how many there are, what still moves, and more of them.</summary>
internal static class PartitionsApi
{
    public static void Map(RouteGroupBuilder group)
    {
        group.MapGet("/api/partitions", (Runtime runtime) => Status(runtime));
        group
            .MapPost("/api/partitions", (PartitionsRequest request, Runtime runtime, HttpContext http) => AddAsync(request, runtime, http))
            .AddEndpointFilter<RouteHandlerBuilder, SameOrigin>();
    }

    private static IResult Status(Runtime runtime) => Results.Json(runtime.Partitions(), DashboardJson.Default.PartitionsStatus);

    private static async Task<IResult> AddAsync(PartitionsRequest request, Runtime runtime, HttpContext http)
    {
        // Nothing takes them away again.
        if (request.Confirm != request.Partitions)
        {
            return Refused($"Type {request.Partitions} to confirm: partitions can be added, and never taken away.");
        }
        try
        {
            await runtime.GrowAsync(request.Partitions, http.RequestAborted);
            return Status(runtime);
        }
        catch (ArgumentException refused)
        {
            return Refused(refused.Message);
        }
    }

    private static IResult Refused(string why) =>
        Results.Json(new Failure(why), DashboardJson.Default.Failure, statusCode: StatusCodes.Status400BadRequest);
}

/// <summary>What an operator asks for.</summary>
/// <param name="Partitions">How many there are to be.</param>
/// <param name="Confirm">The number again, as typed.</param>
internal sealed record PartitionsRequest(int Partitions, int? Confirm);
