using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Engines;
using Millrace.Parcels;

namespace Millrace.Dashboard.Tests;

/// <summary>Not beside the others that go by the curse.</summary>
[Collection("The curse")]
public sealed class PartitionsTests
{
    private const int Parcels = 40;

    [Fact]
    public async Task Partitions_are_added_by_one_who_types_how_many_while_everything_goes_on()
    {
        await using var desk = await WithParcels();
        Assert.Equal("4", Epochs(await desk.GetAsync("api/partitions")));

        var hasty = await desk.PostAsync("api/partitions", new { partitions = 12 });
        var fewer = await desk.PostAsync("api/partitions", new { partitions = 3, confirm = 3 });
        Assert.Equal(HttpStatusCode.BadRequest, hasty.StatusCode);
        Assert.Equal("Type 12 to confirm: partitions can be added, and never taken away.", await ErrorAsync(hasty));
        Assert.Equal(HttpStatusCode.BadRequest, fewer.StatusCode);
        Assert.Equal(
            "The command logs have 4 partitions, and can be given more, up to 1024, never fewer. 3 were asked for.",
            await ErrorAsync(fewer)
        );
        Assert.Equal("4", Epochs(await desk.GetAsync("api/partitions")));

        Assert.Equal(HttpStatusCode.OK, (await desk.PostAsync("api/partitions", new { partitions = 12, confirm = 12 })).StatusCode);
        await SendAllAsync(desk);

        await Arrived(desk);
        var status = await desk.GetAsync("api/status", answer => Sum(answer, "events") == 2 * Parcels);
        Assert.Equal("4, 12", Epochs(status.GetProperty("status")));
        Assert.Equal(12, status.GetProperty("status").GetProperty("partitions").GetArrayLength());
        Assert.DoesNotContain(
            status.GetProperty("status").GetProperty("partitions").EnumerateArray(),
            of => of.GetProperty("moving").GetBoolean()
        );
    }

    [Fact]
    public async Task A_partition_that_waits_for_its_entities_is_shown_until_they_have_come()
    {
        await using var desk = await WithParcels();
        Parcel.Gate.Reset();
        try
        {
            // Its partition does not come to the fence.
            await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1000, "Oslo", "waiting at the gate", null));
            await GrowAsync(desk);

            var answer = await desk.GetAsync("api/partitions");
            Assert.Equal(
                Enumerable.Range(4, 8).Select(partition => $"parcel {partition}"),
                answer
                    .GetProperty("moving")
                    .EnumerateArray()
                    .Select(of => $"{of.GetProperty("aggregate").GetString()} {of.GetProperty("partition").GetInt32()}")
            );
            var status = (await desk.GetAsync("api/status")).GetProperty("status");
            Assert.Equal(
                Enumerable.Range(4, 8),
                status
                    .GetProperty("partitions")
                    .EnumerateArray()
                    .Where(of => of.GetProperty("moving").GetBoolean())
                    .Select(of => of.GetProperty("partition").GetInt32())
            );
            var again = await desk.PostAsync("api/partitions", new { partitions = 13, confirm = 13 });
            Assert.StartsWith("Entities are still moving", await ErrorAsync(again), StringComparison.Ordinal);
        }
        finally
        {
            Parcel.Gate.Set();
        }
        await Arrived(desk);
    }

    [Fact]
    public async Task The_verb_adds_partitions_for_one_who_types_how_many()
    {
        await using var desk = await WithParcels();

        Assert.Equal((0, "4 partitions\n", ""), await VerbAsync(desk, "", "partitions", "status"));
        Assert.Equal(
            (1, "Partitions can be added, and never taken away. Type 6 to have so many: ", "Nothing was changed.\n"),
            await VerbAsync(desk, "yes\n", "partitions", "add", "6")
        );
        Assert.Equal("4", Epochs(await desk.GetAsync("api/partitions")));
        var (code, said, _) = await VerbAsync(desk, "6\n", "partitions", "add", "6");
        Assert.Equal(0, code);
        Assert.Contains("6 partitions (epoch 2: 4, then 6)\n", said, StringComparison.Ordinal);
        await Arrived(desk);
        Assert.Equal(
            (0, "6 partitions (epoch 2: 4, then 6)\n  every entity has arrived\n", ""),
            await VerbAsync(desk, "", "partitions", "status")
        );
        Assert.Equal(
            (1, "", "The command logs have 6 partitions, and can be given more, up to 1024, never fewer. 5 were asked for.\n"),
            await VerbAsync(desk, "", "partitions", "add", "5", "--yes")
        );
        Assert.Equal(2, (await VerbAsync(desk, "", "partitions", "add")).Code);
        Assert.Equal(2, (await VerbAsync(desk, "", "partitions", "status", "--url", "http://127.0.0.1:1/millrace")).Code);
    }

    [Fact]
    public async Task A_moved_entitys_story_goes_on_in_its_new_partition_and_tells_what_came_late_once()
    {
        await using var desk = await WithParcels();
        var (moved, old) = await GrowAndFindAsync(desk);
        await SendAllAsync(desk);
        // A client that has not heard of the new partitions.
        await SendLateAsync(desk, moved, old);

        var story = await desk.GetAsync($"api/entity/parcel/{moved}", story => Types(story).Count == 3);

        Assert.Equal(["parcel-sent", "parcel-scanned", "parcel-rerouted"], Types(story));
        var commands = story.GetProperty("commands").EnumerateArray().ToList();
        Assert.Equal(3, commands.Count);
        Assert.DoesNotContain(commands, command => command.GetProperty("pending").GetBoolean());
        Assert.Equal(
            [old, story.GetProperty("partition").GetInt32(), story.GetProperty("partition").GetInt32()],
            commands.Select(command => command.GetProperty("record").GetProperty("partition").GetInt32())
        );
        // In parts, each of one command: over the fence, and without what was passed on.
        var parts = new List<string?>();
        for (string? place = null, next = ""; next is not null; place = next)
        {
            var part = await desk.GetAsync($"api/entity/parcel/{moved}?commands=1{(place is null ? "" : $"&before={place}")}");
            parts.InsertRange(0, Types(part));
            next = part.TryGetProperty("earlier", out var earlier) ? earlier.GetString() : null;
        }
        Assert.Equal(["parcel-sent", "parcel-scanned", "parcel-rerouted"], parts);
    }

    [Fact]
    public async Task A_moved_entitys_events_and_timers_are_found_by_its_key()
    {
        await using var desk = await WithParcels();
        var (moved, _) = await GrowAndFindAsync(desk);
        await using var tail = await desk.TailAsync($"api/events?last=0&key={moved}");

        await SendAllAsync(desk);

        Assert.True(await tail.MoveNextAsync());
        Assert.Equal("parcel-scanned", JsonElement.Parse(tail.Current.Data).GetProperty("type").GetString());
        await using var past = await desk.TailAsync($"api/events?last=500&key={moved}&type=parcel-sent");
        Assert.True(await past.MoveNextAsync());
        var timers = await desk.GetAsync($"api/timers?reaction=parcel-late&key={moved}", list => list.GetArrayLength() == 1);
        Assert.Equal($"{moved}", timers[0].GetProperty("key").GetString());
    }

    [Fact]
    public async Task What_a_moved_entity_is_parked_at_is_skipped_where_it_is_now()
    {
        Assert.True(Parcel.Cursed);
        await using var desk = await WithParcels("cursed");
        await desk.GetAsync("api/held", list => list.GetArrayLength() == Parcels);
        var (moved, _) = await GrowAndFindAsync(desk);
        var status = await desk.GetAsync("api/status", answer => Sum(answer, "held") == Parcels);
        Assert.True(
            status
                .GetProperty("status")
                .GetProperty("partitions")
                .EnumerateArray()
                .Where(of => of.GetProperty("partition").GetInt32() >= 4)
                .Sum(of => of.GetProperty("held").GetInt32()) > 0
        );

        var skipped = await desk.PostAsync(
            "api/held/skip",
            new
            {
                aggregate = "parcel",
                entity = $"{moved}",
                reason = "Nobody wants it.",
                confirm = $"{moved}",
            }
        );

        Assert.Equal(HttpStatusCode.Accepted, skipped.StatusCode);
        var held = await desk.GetAsync("api/held", list => list.GetArrayLength() == Parcels - 1);
        Assert.DoesNotContain(held.EnumerateArray(), of => of.GetProperty("entity").GetString() == $"{moved}");
    }

    private static async Task<Desk> WithParcels(string status = "sent")
    {
        var desk = await Desk.OpenAsync();
        await desk.Source.CommitAsync(rows =>
        {
            for (var id = 1; id <= Parcels; id++)
            {
                rows.Insert("parcels", id, "Oslo", status, null);
            }
        });
        return desk;
    }

    private static Task SendAllAsync(Desk desk) =>
        desk.Source.CommitAsync(rows =>
        {
            for (var id = 1; id <= Parcels; id++)
            {
                rows.Insert("scans", id, id, "north");
            }
        });

    private static async Task SendLateAsync(Desk desk, int entity, int partition)
    {
        var engine = desk.Services.GetRequiredService<IEngine>();
        var headers = new ArrayBufferWriter<byte>();
        RecordHeaders.Write(headers, Header.Id, "late"u8);
        RecordHeaders.Write(headers, Header.Type, "reroute-parcel"u8);
        await using var appender = engine.OpenAppender("late");
        var transaction = appender.Begin();
        transaction.Append(
            new TopicPartition(new Topic("post.parcel.commands", 12), partition),
            DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000,
            Encoding.UTF8.GetBytes(entity.ToString(CultureInfo.InvariantCulture)),
            headers.WrittenSpan,
            """{"$type":"reroute-parcel","place":"Bergen"}"""u8
        );
        await appender.CommitAsync(transaction, durable: true, Desk.Stop);
    }

    private static async Task GrowAsync(Desk desk) =>
        Assert.Equal(HttpStatusCode.OK, (await desk.PostAsync("api/partitions", new { partitions = 12, confirm = 12 })).StatusCode);

    /// <summary>Has twelve partitions, and finds an entity that is in one of the new ones, and where it was.</summary>
    private static async Task<(int Entity, int Old)> GrowAndFindAsync(Desk desk)
    {
        var before = new Dictionary<int, int>();
        for (var id = 1; id <= Parcels; id++)
        {
            before.Add(id, await PartitionAsync(desk, id));
        }
        await GrowAsync(desk);
        await Arrived(desk);
        for (var id = 1; id <= Parcels; id++)
        {
            if (await PartitionAsync(desk, id) >= 4)
            {
                return (id, before[id]);
            }
        }
        throw new InvalidOperationException("No entity has moved.");
    }

    private static async Task<int> PartitionAsync(Desk desk, int id) =>
        (await desk.GetAsync($"api/entity/parcel/{id}")).GetProperty("partition").GetInt32();

    private static Task<JsonElement> Arrived(Desk desk) =>
        desk.GetAsync("api/partitions", answer => answer.GetProperty("moving").GetArrayLength() == 0);

    private static async Task<(int Code, string Output, string Error)> VerbAsync(Desk desk, string typed, params string[] args)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Millrace:Url", desk.Client.BaseAddress!.ToString())])
            .Build();
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var code = await new PartitionVerbs(configuration, new StringReader(typed), output, error).RunAsync(args);
        return (code, output.ToString(), error.ToString());
    }

    private static string Epochs(JsonElement of) => string.Join(", ", of.GetProperty("epochs").EnumerateArray());

    private static long Sum(JsonElement answer, string name) =>
        answer.GetProperty("status").GetProperty("partitions").EnumerateArray().Sum(of => of.GetProperty(name).GetInt64());

    private static List<string?> Types(JsonElement story) =>
        [
            .. story
                .GetProperty("commands")
                .EnumerateArray()
                .SelectMany(command => command.GetProperty("events").EnumerateArray())
                .Select(e => e.GetProperty("type").GetString()),
        ];

    private static async Task<string?> ErrorAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Desk.Stop)).GetProperty("error").GetString();
}
