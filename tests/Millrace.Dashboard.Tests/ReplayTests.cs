using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Parcels;

namespace Millrace.Dashboard.Tests;

public sealed class ReplayTests
{
    [Fact]
    public async Task A_generation_is_started_promoted_and_completed_by_one_who_types_its_number()
    {
        await using var desk = await WithACandidate();
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null));
        Assert.Equal(HttpStatusCode.OK, (await desk.PostAsync("api/replay/start", new { share = 50 })).StatusCode);
        var shadow = await ShadowAsync(desk);
        Assert.Equal(
            (2, 50, true),
            (shadow.GetProperty("number").GetInt32(), shadow.GetProperty("share").GetInt32(), shadow.GetProperty("isHere").GetBoolean())
        );

        var hasty = await desk.PostAsync("api/replay/promote", new { generation = 2, reason = "new rule" });
        Assert.Equal(HttpStatusCode.Conflict, hasty.StatusCode);
        Assert.StartsWith("Type the generation's number, 2, to confirm.", await ErrorAsync(hasty), StringComparison.Ordinal);
        var silent = await desk.PostAsync("api/replay/promote", new { generation = 2, confirm = 2 });
        Assert.Equal("Say why: the reason is recorded in the log.", await ErrorAsync(silent));

        var promoted = await desk.PostAsync(
            "api/replay/promote",
            new
            {
                generation = 2,
                confirm = 2,
                reason = "new rule",
            }
        );
        Assert.Equal(HttpStatusCode.OK, promoted.StatusCode);
        await desk.GetAsync(
            "api/replay",
            status => status.GetProperty("live").GetInt32() == 2 && status.GetProperty("unsettled").GetArrayLength() == 0
        );
        // Readers of events notice nothing.
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 2, "Bergen", "sent", null));
        await desk.GetAsync("api/views/whereabouts", view => view.GetProperty("documents").GetArrayLength() == 2);

        var completed = await desk.PostAsync("api/replay/complete", new { confirm = 2 });
        Assert.Equal(
            ["post.parcel.decide.1"],
            (await completed.Content.ReadFromJsonAsync<JsonElement>(Desk.Stop))
                .GetProperty("groups")
                .EnumerateArray()
                .Select(group => group.GetString())
        );
    }

    [Fact]
    public async Task A_host_that_was_not_told_of_a_folder_of_candidates_loads_no_code()
    {
        await using var desk = await Desk.OpenAsync();

        var none = await desk.PostAsync("api/replay/start", new { });
        var some = await desk.PostAsync("api/replay/start", new { candidate = "new/Post.dll" });

        Assert.StartsWith(
            "There is no candidate: give the new build as Millrace:Candidate",
            await ErrorAsync(none),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "This host loads no code while it runs. Set Millrace:Candidates",
            await ErrorAsync(some),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_build_is_loaded_from_the_folder_of_candidates_and_from_nowhere_else()
    {
        await using var desk = await Desk.OpenAsync(build: builder =>
            builder.Configuration.AddInMemoryCollection([
                new("Millrace:Candidates", AppContext.BaseDirectory),
                new("Millrace:CandidateTopology", "Millrace.Parcels.PostOffice.Topology"),
            ])
        );

        var outside = await desk.PostAsync("api/replay/start", new { candidate = "../Millrace.Parcels.dll" });
        var unknown = await desk.PostAsync("api/replay/start", new { candidate = "Post.dll" });
        var wrong = await desk.PostAsync("api/replay/start", new { candidate = "Millrace.dll" });
        var right = await desk.PostAsync("api/replay/start", new { candidate = "Millrace.Parcels.dll" });

        Assert.Equal("\"../Millrace.Parcels.dll\" is not below the folder of candidates (Millrace:Candidates).", await ErrorAsync(outside));
        Assert.StartsWith("There is no candidate ", await ErrorAsync(unknown), StringComparison.Ordinal);
        Assert.Contains("has no public static property of type Topology", await ErrorAsync(wrong), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, right.StatusCode);
        await ShadowAsync(desk);
        // The same code, and yet another: its types are not the running application's.
        var loaded = desk.Services.GetRequiredService<Runtime>().Generations.Candidate!;
        Assert.NotEqual(PostOffice.Topology.Aggregates[0].EventType, loaded.Aggregates[0].EventType);
        Assert.Equal(PostOffice.Topology.Aggregates[0].EventType.FullName, loaded.Aggregates[0].EventType.FullName);
    }

    [Fact]
    public async Task The_verbs_do_the_same_at_the_command_line()
    {
        await using var desk = await WithACandidate();
        await desk.Source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null));

        Assert.Equal((0, ""), await RunAsync(desk, "", "start", "--share", "80"));
        await ShadowAsync(desk);
        Assert.Equal((1, "Nothing was changed.\n"), await RunAsync(desk, "no", "promote"));
        Assert.Equal((0, ""), await RunAsync(desk, "2", "promote", "--reason", "new rule"));
        await desk.GetAsync(
            "api/replay",
            status => status.GetProperty("live").GetInt32() == 2 && status.GetProperty("unsettled").GetArrayLength() == 0
        );
        Assert.Equal((0, ""), await RunAsync(desk, "", "rollback", "--yes"));
        await desk.GetAsync(
            "api/replay",
            status => status.GetProperty("live").GetInt32() == 1 && status.GetProperty("unsettled").GetArrayLength() == 0
        );
        Assert.Equal((0, ""), await RunAsync(desk, "", "abandon", "--yes"));
        Assert.Equal((1, "No generation is in the shadow: \"replay start\" begins one.\n"), await RunAsync(desk, "", "promote"));
        Assert.Equal(2, (await RunAsync(desk, "", "start", "--shrae", "80")).Code);
    }

    private static Task<Desk> WithACandidate() =>
        Desk.OpenAsync(build: builder =>
            new MillraceBuilder(PostOffice.Topology, builder.Services, builder.Configuration).UseCandidate(PostOffice.Topology)
        );

    private static async Task<JsonElement> ShadowAsync(Desk desk) =>
        (
            await desk.GetAsync(
                "api/replay",
                status =>
                    status.GetProperty("generations").GetArrayLength() == 2
                    && status.GetProperty("generations")[1].GetProperty("lag").GetInt64() == 0
            )
        ).GetProperty("generations")[1];

    private static async Task<string> ErrorAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Desk.Stop)).GetProperty("error").GetString()!;

    private static async Task<(int Code, string Error)> RunAsync(Desk desk, string typed, params string[] verb)
    {
        using var error = new StringWriter { NewLine = "\n" };
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Millrace:Url", desk.Client.BaseAddress!.ToString())])
            .Build();
        var verbs = new GenerationVerbs(configuration, new StringReader(typed), TextWriter.Null, error);
        return (await verbs.RunAsync(["replay", .. verb]), error.ToString());
    }
}
