using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Millrace.Parcels;

namespace Millrace.Dashboard.Tests;

/// <summary>One after another, with <see cref="PartitionsTests"/>: they share the curse.</summary>
[Collection("The curse")]
public sealed class OperateTests : IDisposable
{
    public OperateTests() => Parcel.Cursed = true;

    public void Dispose() => Parcel.Cursed = true;

    [Fact]
    public async Task A_parked_entity_is_listed_with_what_waits_behind_and_tried_again_once_it_is_mended()
    {
        await using var desk = await WithACurse();

        var held = (await desk.GetAsync("api/held", list => list.GetArrayLength() == 1 && list[0].GetProperty("waiting").GetInt32() == 2))[
            0
        ];
        Assert.Equal(
            ("parcel", "1", true),
            (held.GetProperty("aggregate").GetString(), held.GetProperty("entity").GetString(), held.GetProperty("parked").GetBoolean())
        );
        Assert.Contains("A curse lies on this parcel.", held.GetProperty("reason").GetString(), StringComparison.Ordinal);

        Parcel.Cursed = false;
        var answer = await desk.PostAsync(
            "api/held/retry",
            new
            {
                aggregate = "parcel",
                entity = "1",
                reason = "The curse is lifted.",
            }
        );

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        await desk.GetAsync("api/held", list => list.GetArrayLength() == 0);
        var story = await desk.GetAsync("api/entity/parcel/1");
        Assert.Equal("parcel-scanned", story.GetProperty("commands")[2].GetProperty("events")[0].GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_command_is_skipped_only_by_one_who_types_which_and_says_why()
    {
        await using var desk = await WithACurse();
        await desk.GetAsync("api/held", list => list.GetArrayLength() == 1);

        var silent = await desk.PostAsync(
            "api/held/skip",
            new
            {
                aggregate = "parcel",
                entity = "1",
                confirm = "1",
            }
        );
        var hasty = await desk.PostAsync(
            "api/held/skip",
            new
            {
                aggregate = "parcel",
                entity = "1",
                reason = "Nobody wants it.",
                confirm = "yes",
            }
        );
        var wrong = await desk.PostAsync(
            "api/held/skip",
            new
            {
                aggregate = "parcel",
                entity = "2",
                reason = "Nobody wants it.",
                confirm = "2",
            }
        );
        Assert.Equal(HttpStatusCode.BadRequest, silent.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, hasty.StatusCode);
        Assert.Equal(
            "Type the entity's id, 1, to confirm that its command is to be skipped.",
            (await hasty.Content.ReadFromJsonAsync<JsonElement>(Desk.Stop)).GetProperty("error").GetString()
        );
        Assert.Equal(HttpStatusCode.NotFound, wrong.StatusCode);

        var sure = await desk.PostAsync(
            "api/held/skip",
            new
            {
                aggregate = "parcel",
                entity = "1",
                reason = "Nobody wants it.",
                confirm = "1",
            }
        );

        Assert.Equal(HttpStatusCode.Accepted, sure.StatusCode);
        await desk.GetAsync("api/held", list => list.GetArrayLength() == 0);
    }

    [Fact]
    public async Task Rows_that_wait_for_their_root_are_listed_with_since_when_and_why()
    {
        await using var desk = await Desk.OpenAsync();
        await desk.Source.CommitAsync(rows => rows.Insert("scans", 1, 7, "north"));

        var waiting = (await desk.GetAsync("api/waiting", list => list.GetArrayLength() == 1))[0];

        Assert.Equal(
            ("parcel", "7", "scans", 1),
            (
                waiting.GetProperty("aggregate").GetString(),
                waiting.GetProperty("entity").GetString(),
                waiting.GetProperty("table").GetString(),
                waiting.GetProperty("rows").GetInt32()
            )
        );
        Assert.Contains("parcels 7 has not arrived", waiting.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.True(waiting.GetProperty("since").GetDateTimeOffset() > DateTimeOffset.UnixEpoch);
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 7, "Oslo", "sent", null));
        await desk.GetAsync("api/waiting", list => list.GetArrayLength() == 0);
    }

    [Fact]
    public async Task A_view_is_read_by_key_and_in_the_order_of_an_index()
    {
        await using var desk = await Desk.OpenAsync();
        foreach (var (id, place) in ((int, string)[])[(1, "Oslo"), (2, "Bergen"), (3, "Tromso")])
        {
            await desk.Source.CommitAsync(rows => rows.Insert("parcels", id, place, "sent", null));
        }

        var ordered = await desk.GetAsync(
            "api/views/whereabouts?index=place&take=2",
            view => view.GetProperty("documents").GetArrayLength() == 2
        );
        var backwards = await desk.GetAsync(
            "api/views/whereabouts?index=place&descending=true",
            view => view.GetProperty("documents").GetArrayLength() == 3
        );
        var one = await desk.GetAsync("api/views/whereabouts?key=2");

        Assert.Equal(["2", "1"], Keys(ordered));
        Assert.True(ordered.GetProperty("more").GetBoolean());
        Assert.Equal(["3", "1", "2"], Keys(backwards));
        Assert.Equal("Bergen", one.GetProperty("documents")[0].GetProperty("document").GetProperty("place").GetString());
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await desk.Client.GetAsync(new Uri("api/views/whereabouts?index=weight", UriKind.Relative), Desk.Stop)).StatusCode
        );
    }

    [Fact]
    public async Task Timers_are_listed_by_reaction_and_key()
    {
        await using var desk = await Desk.OpenAsync();
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null));
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 2, "Oslo", "sent", null));

        var all = await desk.GetAsync("api/timers", list => list.GetArrayLength() == 2);
        var one = await desk.GetAsync("api/timers?reaction=parcel-late&key=2");
        var none = await desk.GetAsync("api/timers?reaction=hub-busy");

        Assert.Equal(["1", "2"], all.EnumerateArray().Select(timer => timer.GetProperty("key").GetString()));
        Assert.Equal("alert", Assert.Single(one.EnumerateArray()).GetProperty("intent").GetString());
        Assert.Equal(0, none.GetArrayLength());
    }

    private static async Task<Desk> WithACurse()
    {
        var desk = await Desk.OpenAsync();
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null));
        await desk.Source.CommitAsync(rows => rows.Update("parcels", [1, "Oslo", "sent", null], [1, "Oslo", "cursed", null]));
        await desk.Source.CommitAsync(rows => rows.Insert("scans", 1, 1, "north"));
        return desk;
    }

    private static IEnumerable<string?> Keys(JsonElement view) =>
        view.GetProperty("documents").EnumerateArray().Select(document => document.GetProperty("key").GetString());
}
