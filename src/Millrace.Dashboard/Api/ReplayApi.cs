using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Millrace;

/// <summary>Generations: how they stand, and the way from one to another. What cannot be undone, and what readers notice, asks for the number again.</summary>
internal static class ReplayApi
{
    public static void Map(RouteGroupBuilder group)
    {
        group.MapGet("/api/replay", (MillraceService service, Runtime runtime) => service.Status is null ? NotStarted() : Status(runtime));
        Post(
            group,
            "start",
            static async (request, runtime, candidates, by, stop) =>
            {
                if (request.Candidate is { Length: > 0 } name)
                {
                    runtime.Generations.Candidate = candidates.Load(name);
                }
                await runtime.Generations.StartAsync(request.Share ?? 100, request.PauseAtLag, by, stop);
                return null;
            }
        );
        Post(
            group,
            "throttle",
            static async (request, runtime, _, _, stop) =>
            {
                await runtime.Generations.ThrottleAsync(Number(request), request.Share ?? 100, request.PauseAtLag, stop);
                return null;
            }
        );
        Post(
            group,
            "promote",
            static async (request, runtime, _, by, stop) =>
            {
                Confirmed(request, Number(request), "From the fence on everybody reads what it decides");
                await runtime.Generations.PromoteAsync(Number(request), request.Force, Reason(request), by, stop);
                return null;
            }
        );
        Post(
            group,
            "rollback",
            static async (request, runtime, _, by, stop) =>
            {
                Confirmed(
                    request,
                    runtime.Generations.Registry.Live,
                    "From the fence on everybody reads what the generation before it decides"
                );
                await runtime.Generations.RollBackAsync(Reason(request), by, stop);
                return null;
            }
        );
        Post(
            group,
            "complete",
            static async (request, runtime, _, by, stop) =>
            {
                Confirmed(request, runtime.Generations.Registry.Live, "The generation before it ends, and nothing brings it back");
                return await runtime.Generations.CompleteAsync(by, stop);
            }
        );
        Post(
            group,
            "abandon",
            static async (request, runtime, _, by, stop) =>
            {
                Confirmed(request, Number(request), "It ends, and what it has decided is of no use any more");
                return await runtime.Generations.AbandonAsync(Number(request), by, stop);
            }
        );
    }

    private static IResult NotStarted() =>
        Results.Json(
            new Failure("The application has not started."),
            DashboardJson.Default.Failure,
            statusCode: StatusCodes.Status503ServiceUnavailable
        );

    private static IResult Status(Runtime runtime) => Results.Json(runtime.Generations.Status(), DashboardJson.Default.GenerationsStatus);

    private static void Post(
        RouteGroupBuilder group,
        string verb,
        Func<ReplayRequest, Runtime, Candidates, string, CancellationToken, Task<DroppedGeneration?>> act
    ) =>
        group
            .MapPost(
                $"/api/replay/{verb}",
                async (ReplayRequest request, Runtime runtime, Candidates candidates, HttpContext http) =>
                {
                    try
                    {
                        var dropped = await act(request, runtime, candidates, HeldApi.By(http), http.RequestAborted);
                        return dropped is null ? Status(runtime) : Results.Json(dropped, DashboardJson.Default.DroppedGeneration);
                    }
                    catch (ReplayException refused)
                    {
                        return Results.Json(
                            new Failure(refused.Message),
                            DashboardJson.Default.Failure,
                            statusCode: StatusCodes.Status409Conflict
                        );
                    }
                }
            )
            .AddEndpointFilter<RouteHandlerBuilder, SameOrigin>();

    private static int Number(ReplayRequest request) =>
        request.Generation ?? throw new ReplayException("Say which generation: its number.");

    private static string Reason(ReplayRequest request) =>
        string.IsNullOrWhiteSpace(request.Reason)
            ? throw new ReplayException("Say why: the reason is recorded in the log.")
            : request.Reason;

    private static void Confirmed(ReplayRequest request, int number, string what)
    {
        if (request.Confirm != number)
        {
            throw new ReplayException($"Type the generation's number, {number}, to confirm. {what}.");
        }
    }
}

/// <summary>What an operator asks of the generations.</summary>
/// <param name="Generation">Which.</param>
/// <param name="Confirm">Its number again, as typed; of a rollback or completion that of the live one.</param>
/// <param name="Reason">Why.</param>
/// <param name="Force">Whether what speaks against a promotion was seen and does not matter.</param>
/// <param name="Share">The share of each partition's time a shadow may take, in percent.</param>
/// <param name="PauseAtLag">A shadow pauses while a partition of the live one is this many commands behind.</param>
/// <param name="Candidate">A build in the folder of candidates, by its path there; the one that is loaded where left out.</param>
internal sealed record ReplayRequest(
    int? Generation = null,
    int? Confirm = null,
    string? Reason = null,
    bool Force = false,
    int? Share = null,
    long? PauseAtLag = null,
    string? Candidate = null
);
