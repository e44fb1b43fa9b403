using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Parcels;

namespace Millrace.Dashboard.Tests;

public sealed class StoryTests
{
    [Fact]
    public async Task An_entitys_story_goes_from_the_changed_columns_to_its_events_and_timers()
    {
        await using var desk = await Desk.OpenAsync();
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 7, "Oslo", "sent", null).Insert("scans", 1, 7, "north"));
        await desk.Source.CommitAsync(rows => rows.Update("parcels", [7, "Oslo", "sent", null], [7, "Oslo", "sent", "fragile"]));

        var story = await desk.GetAsync(
            "api/entity/parcel/7",
            story => Decided(story, 2) && story.GetProperty("timers").GetArrayLength() == 1
        );

        var commands = story.GetProperty("commands").EnumerateArray().ToList();
        Assert.Equal(["inserted parcels", "inserted scans"], Changes(commands[0]));
        Assert.Equal(["parcel-sent", "parcel-scanned"], Types(commands[0].GetProperty("events")));
        Assert.Equal("0-1-1", commands[0].GetProperty("record").GetProperty("correlation").GetString());
        Assert.Equal(["updated parcels"], Changes(commands[1]));
        var column = Assert.Single(commands[1].GetProperty("changes")[0].GetProperty("columns").EnumerateArray());
        Assert.Equal(("note", "null", "\"fragile\""), (Text(column, "name"), Text(column, "old"), Text(column, "new")));
        Assert.Empty(Types(commands[1].GetProperty("events")));
        Assert.Equal("late", Text(story.GetProperty("timers")[0], "name"));
        Assert.Equal(["whereabouts"], story.GetProperty("views").EnumerateArray().Select(view => view.GetString()));
    }

    [Fact]
    public async Task An_intent_is_told_where_its_cause_is_whatever_key_the_reaction_has()
    {
        await using var desk = await Desk.OpenAsync();
        for (var id = 1; id <= 3; id++)
        {
            await desk.Source.CommitAsync(rows => rows.Insert("parcels", id, "Oslo", "sent", null).Insert("scans", id, id, "north"));
        }

        var third = await desk.GetAsync(
            "api/entity/parcel/3",
            story => story.GetProperty("commands").EnumerateArray().Any(c => c.GetProperty("intents").GetArrayLength() > 0)
        );
        var first = await desk.GetAsync("api/entity/parcel/1");

        Assert.Equal("hub-busy", Text(third.GetProperty("commands")[0].GetProperty("intents")[0], "of"));
        Assert.Equal(0, first.GetProperty("commands")[0].GetProperty("intents").GetArrayLength());
    }

    [Fact]
    public async Task An_erased_entity_has_a_story_without_values_and_is_erased_only_by_one_who_types_which()
    {
        var parcel = ((AggregateBuilder<ParcelRow, ParcelState, ParcelEvent>)Parcel.Definition).Personal();
        await using var desk = await Desk.OpenAsync(topology: Topology.Named("post").Json(ParcelJson.Default).Add(parcel));
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 7, "Oslo", "sent", null).Insert("scans", 1, 7, "north"));
        var before = await desk.GetAsync("api/entity/parcel/7", story => Decided(story, 1));
        Assert.Contains("Oslo", before.GetRawText(), StringComparison.Ordinal);

        var hasty = await Erase("yes");
        Assert.Equal(HttpStatusCode.BadRequest, hasty);
        Assert.Equal(HttpStatusCode.Accepted, await Erase("7"));

        var story = await desk.GetAsync("api/entity/parcel/7");
        Assert.DoesNotContain("Oslo", story.GetRawText(), StringComparison.Ordinal);
        var command = Assert.Single(story.GetProperty("commands").EnumerateArray());
        Assert.True(command.GetProperty("record").GetProperty("erased").GetBoolean());
        Assert.Empty(Changes(command));
        Assert.Equal(["parcel-sent", "parcel-scanned"], Types(command.GetProperty("events")));
        Assert.All(command.GetProperty("events").EnumerateArray(), e => Assert.True(e.GetProperty("erased").GetBoolean()));

        async Task<HttpStatusCode> Erase(string confirm) =>
            (
                await desk.PostAsync(
                    "api/erase",
                    new
                    {
                        aggregate = "parcel",
                        entity = "7",
                        reason = "asked for",
                        confirm,
                    }
                )
            ).StatusCode;
    }

    [Fact]
    public async Task A_rejected_command_says_why()
    {
        await using var desk = await Desk.OpenAsync();
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "delivered", null));
        await desk.Source.CommitAsync(rows => rows.Update("parcels", [1, "Oslo", "sent", null], [1, "Oslo", "sent", null]));
        await desk.Source.CommitAsync(rows => rows.Update("parcels", [1, "Oslo", "sent", null], [1, "Oslo", "delivered", null]));
        await desk.Services.GetRequiredService<ICommands>().Send(1, new ParcelCommand.Reroute("Bergen"), Desk.Stop);

        var story = await desk.GetAsync("api/entity/parcel/1", story => Decided(story, 4));

        var command = story.GetProperty("commands")[3];
        Assert.True(command.GetProperty("native").GetBoolean());
        Assert.Equal("The parcel is delivered.", Text(command, "rejected"));
        Assert.Equal("Bergen", Text(command.GetProperty("record").GetProperty("value"), "place"));
    }

    [Fact]
    public async Task A_long_story_is_told_in_parts()
    {
        await using var desk = await Desk.OpenAsync();
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "place 0", "sent", null));
        for (var i = 1; i < 5; i++)
        {
            await desk.Source.CommitAsync(rows =>
                rows.Update("parcels", [1, $"place {i - 1}", "sent", null], [1, $"place {i}", "sent", null])
            );
        }

        var late = await desk.GetAsync("api/entity/parcel/1?commands=2", story => Decided(story, 2));
        var early = await desk.GetAsync($"api/entity/parcel/1?commands=10&before={late.GetProperty("earlier").GetString()}");

        Assert.Equal(["shown parcels", "updated parcels"], late.GetProperty("commands").EnumerateArray().SelectMany(Changes));
        Assert.Equal(3, early.GetProperty("commands").GetArrayLength());
        Assert.Equal(["parcel-sent"], Types(early.GetProperty("commands")[0].GetProperty("events")));
        Assert.False(early.TryGetProperty("earlier", out _));
    }

    [Fact]
    public async Task Of_an_unknown_aggregate_there_is_no_story()
    {
        await using var desk = await Desk.OpenAsync();

        var answer = await desk.Client.GetAsync(new Uri("api/entity/letter/1", UriKind.Relative), Desk.Stop);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static bool Decided(JsonElement story, int commands) =>
        story.GetProperty("commands").GetArrayLength() == commands
        && story.GetProperty("commands").EnumerateArray().All(command => !command.GetProperty("pending").GetBoolean());

    private static IEnumerable<string> Changes(JsonElement command) =>
        command.GetProperty("changes").EnumerateArray().Select(change => $"{Text(change, "what")} {Text(change, "table")}");

    private static IEnumerable<string?> Types(JsonElement records) => records.EnumerateArray().Select(record => Text(record, "type"));

    private static string? Text(JsonElement of, string name) => of.GetProperty(name).GetString();
}
