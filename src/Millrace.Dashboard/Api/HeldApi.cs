using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Millrace;

/// <summary>What is held, and what an operator can do about it. Its deeds are records in the log, with who and why.</summary>
internal static class HeldApi
{
    private const int MostListed = 1000;

    public static void Map(RouteGroupBuilder group)
    {
        group.MapGet(
            "/api/held",
            (Runtime runtime) =>
                Results.Json<IReadOnlyList<HeldEntityInfo>>(
                    [.. runtime.Held().Take(MostListed)],
                    DashboardJson.Default.IReadOnlyListHeldEntityInfo
                )
        );
        group.MapGet(
            "/api/waiting",
            (Runtime runtime) =>
                Results.Json<IReadOnlyList<WaitingRows>>(
                    [.. runtime.Waiting().Take(MostListed)],
                    DashboardJson.Default.IReadOnlyListWaitingRows
                )
        );
        group.MapGet(
            "/api/timers",
            (Runtime runtime, string? reaction, string? key) =>
                Results.Json<IReadOnlyList<TimerInfo>>(
                    [.. ArmedTimers.Of(runtime, Given(reaction), Given(key), MostListed).OrderBy(timer => timer.Due).Take(MostListed)],
                    DashboardJson.Default.IReadOnlyListTimerInfo
                )
        );
        group
            .MapPost(
                "/api/held/retry",
                (HeldRequest request, Runtime runtime, HttpContext http) => ActAsync(request, runtime, http, skip: false)
            )
            .AddEndpointFilter<RouteHandlerBuilder, SameOrigin>();
        group
            .MapPost(
                "/api/held/skip",
                (HeldRequest request, Runtime runtime, HttpContext http) => ActAsync(request, runtime, http, skip: true)
            )
            .AddEndpointFilter<RouteHandlerBuilder, SameOrigin>();
        group
            .MapPost("/api/erase", (HeldRequest request, Runtime runtime, HttpContext http) => EraseAsync(request, runtime, http))
            .AddEndpointFilter<RouteHandlerBuilder, SameOrigin>();
    }

    /// <summary>Erases an entity of a personal aggregate. What one types says which entity one means: nothing brings it back.</summary>
    private static async Task<IResult> EraseAsync(HeldRequest request, Runtime runtime, HttpContext http)
    {
        if (string.IsNullOrWhiteSpace(request.Reason))
        {
            return Refused("Say why: the reason is recorded in the log.");
        }
        if (request.Confirm != request.Entity)
        {
            return Refused($"Type the entity's id, {request.Entity}, to confirm that it is to be erased for good.");
        }
        try
        {
            await runtime.EraseAsync(request.Aggregate, request.Entity, request.Reason, By(http), http.RequestAborted);
        }
        catch (ArgumentException refused)
        {
            return Refused(refused.Message);
        }
        return Results.Accepted();
    }

    /// <summary>Who asks.</summary>
    internal static string By(HttpContext http) => http.User.Identity is { IsAuthenticated: true, Name: { } name } ? name : "local";

    private static string? Given(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static async Task<IResult> ActAsync(HeldRequest request, Runtime runtime, HttpContext http, bool skip)
    {
        if (string.IsNullOrWhiteSpace(request.Reason))
        {
            return Refused("Say why: the reason is recorded in the log.");
        }
        // A skipped command is never decided: what one types says which entity one means.
        if (skip && request.Confirm != request.Entity)
        {
            return Refused($"Type the entity's id, {request.Entity}, to confirm that its command is to be skipped.");
        }
        var held = runtime.Held().FirstOrDefault(held => held.Aggregate == request.Aggregate && held.Entity == request.Entity);
        if (held is null)
        {
            return Refused($"{request.Aggregate} {request.Entity} is not held (any more).", StatusCodes.Status404NotFound);
        }
        if (!held.Parked)
        {
            return Refused(
                $"{request.Aggregate} {request.Entity} waits by itself and goes on by itself: {held.Reason}",
                StatusCodes.Status409Conflict
            );
        }
        var by = By(http);
        await (
            skip
                ? runtime.Operator.SkipAsync(request.Aggregate, request.Entity, held.CommandId, request.Reason, by)
                : runtime.Operator.RetryAsync(request.Aggregate, request.Entity, held.CommandId, request.Reason, by)
        );
        return Results.Accepted();
    }

    private static IResult Refused(string why, int status = StatusCodes.Status400BadRequest) =>
        Results.Json(new Failure(why), DashboardJson.Default.Failure, statusCode: status);
}

/// <summary>What an operator asks for.</summary>
/// <param name="Aggregate">The aggregate.</param>
/// <param name="Entity">The entity.</param>
/// <param name="Reason">Why.</param>
/// <param name="Confirm">To skip or to erase: the entity again, as typed.</param>
internal sealed record HeldRequest(string Aggregate, string Entity, string? Reason, string? Confirm);
