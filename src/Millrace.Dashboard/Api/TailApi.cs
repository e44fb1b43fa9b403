using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Millrace.Engines;

namespace Millrace;

/// <summary>Events and intents as they come, as server-sent events: <c>event: record</c> with the record, <c>event: missed</c> with a number.</summary>
internal static class TailApi
{
    private const int MostHistory = 500;

    public static void Map(RouteGroupBuilder group)
    {
        group.MapGet(
            "/api/events",
            (IEngine engine, Topology topology, IHostApplicationLifetime lifetime, Runtime runtime, HttpContext http) =>
            {
                var application = runtime.Application;
                return Tail(
                    http,
                    lifetime,
                    engine,
                    runtime,
                    [.. topology.Aggregates.Select(aggregate => (application.Events(aggregate), aggregate.Name))]
                );
            }
        );
        group.MapGet(
            "/api/intents",
            (IEngine engine, Topology topology, IHostApplicationLifetime lifetime, Runtime runtime, HttpContext http) =>
            {
                var application = runtime.Application;
                return Tail(
                    http,
                    lifetime,
                    engine,
                    runtime,
                    [.. topology.Reactions.Select(reaction => (application.Intents(reaction), reaction.Name))]
                );
            }
        );
    }

    private static ServerSentEventsResult<string> Tail(
        HttpContext http,
        IHostApplicationLifetime lifetime,
        IEngine engine,
        Runtime runtime,
        IReadOnlyList<(Topic Topic, string Of)> topics
    )
    {
        var query = http.Request.Query;
        var types = query["type"].SelectMany(type => (type ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries)).ToHashSet();
        var of = query["of"].ToString();
        var key = query["key"].ToString() is { Length: > 0 } text ? text : null;
        var last = int.TryParse(query["last"], out var count) ? Math.Clamp(count, 0, MostHistory) : 100;
        var tail = new LogTail(
            engine,
            [.. topics.Where(topic => of.Length == 0 || topic.Of == of)],
            entry => types.Count == 0 || types.Contains(entry.Type ?? ""),
            key,
            runtime.Seals
        );
        http.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(Items(tail, last, http.RequestAborted, lifetime.ApplicationStopping));
    }

    private static async IAsyncEnumerable<SseItem<string>> Items(
        LogTail tail,
        int last,
        CancellationToken aborted,
        CancellationToken stopping,
        [EnumeratorCancellation] CancellationToken cancellation = default
    )
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(aborted, stopping, cancellation);
        // Said at once, so that a page knows it is connected though nothing happens.
        yield return new SseItem<string>("{}", "connected");
        await using var entries = tail.ReadAsync(last, ended.Token).GetAsyncEnumerator(ended.Token);
        while (await NextAsync(entries, ended.Token))
        {
            yield return entries.Current is { Entry: { } entry }
                ? new SseItem<string>(JsonSerializer.Serialize(entry, LogEntryJson.Default.LogEntry), "record")
                : new SseItem<string>($"{entries.Current.Missed}", "missed");
        }
    }

    // A page that went, or a host that stops, is the ordinary end of a tail.
    private static async ValueTask<bool> NextAsync(IAsyncEnumerator<(LogEntry?, long)> entries, CancellationToken ended)
    {
        try
        {
            return await entries.MoveNextAsync();
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            return false;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(LogEntry))]
internal sealed partial class LogEntryJson : JsonSerializerContext;
