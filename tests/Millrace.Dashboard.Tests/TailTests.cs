using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;

namespace Millrace.Dashboard.Tests;

public sealed class TailTests
{
    [Fact]
    public async Task Events_come_as_they_are_decided()
    {
        await using var desk = await Desk.OpenAsync();
        await using var tail = await desk.TailAsync("api/events?last=0");

        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null));

        var record = await Next(tail);
        Assert.Equal("parcel-sent", record.GetProperty("type").GetString());
        Assert.Equal("1", record.GetProperty("key").GetString());
        Assert.Equal("parcel", record.GetProperty("of").GetString());
        Assert.Equal("0-1-1", record.GetProperty("correlation").GetString());
        Assert.Equal("Oslo", record.GetProperty("value").GetProperty("place").GetString());
    }

    [Fact]
    public async Task Events_are_filtered_by_type_and_key_where_they_are()
    {
        await using var desk = await Desk.OpenAsync();
        await using var tail = await desk.TailAsync("api/events?last=0&type=parcel-scanned&key=2");

        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null).Insert("scans", 1, 1, "north"));
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 2, "Bergen", "sent", null).Insert("scans", 2, 2, "west"));

        Assert.Equal("west", (await Next(tail)).GetProperty("value").GetProperty("hub").GetString());
    }

    [Fact]
    public async Task A_tail_begins_with_what_was_last_in_the_order_of_time()
    {
        await using var desk = await Desk.OpenAsync();
        for (var id = 1; id <= 6; id++)
        {
            await desk.Source.CommitAsync(rows => rows.Insert("parcels", id, "Oslo", "sent", null));
        }
        await desk.GetAsync(
            "api/status",
            answer =>
                answer.GetProperty("status").GetProperty("partitions").EnumerateArray().Sum(p => p.GetProperty("events").GetInt64()) == 6
        );

        await using var tail = await desk.TailAsync("api/events?last=3");

        Assert.Equal(["4", "5", "6"], [(await Key(tail)), (await Key(tail)), (await Key(tail))]);
    }

    [Fact]
    public async Task Intents_come_as_reactions_want_them()
    {
        await using var desk = await Desk.OpenAsync();
        await using var tail = await desk.TailAsync("api/intents?last=0&of=hub-busy");

        await desk.Source.CommitAsync(rows =>
        {
            for (var id = 1; id <= 3; id++)
            {
                rows.Insert("parcels", id, "Oslo", "sent", null).Insert("scans", id, id, "north");
            }
        });

        var record = await Next(tail);
        Assert.Equal("alert", record.GetProperty("type").GetString());
        Assert.Equal("north", record.GetProperty("key").GetString());
        Assert.Equal("3 parcels within an hour in north", record.GetProperty("value").GetProperty("text").GetString());
    }

    [Fact]
    public async Task An_open_tail_does_not_keep_a_host_from_stopping()
    {
        await using var desk = await Desk.OpenAsync();
        await using var tail = await desk.TailAsync("api/events?last=0");

        var stopping = desk.StopAsync();

        Assert.False(await tail.MoveNextAsync());
        await stopping;
    }

    private static async Task<string?> Key(IAsyncEnumerator<SseItem<string>> tail) => (await Next(tail)).GetProperty("key").GetString();

    private static async Task<JsonElement> Next(IAsyncEnumerator<SseItem<string>> tail)
    {
        Assert.True(await tail.MoveNextAsync());
        Assert.Equal("record", tail.Current.EventType);
        return JsonElement.Parse(tail.Current.Data);
    }
}
