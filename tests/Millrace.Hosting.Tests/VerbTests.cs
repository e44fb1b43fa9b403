using System.Text.Json.Nodes;
using Microsoft.Extensions.Hosting;

namespace Millrace.Hosting.Tests;

public sealed class VerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("millrace-schemas-").FullName;

    [Fact]
    public async Task The_topology_is_printed_from_tables_to_reactions()
    {
        var (code, output, _) = await Run("topology");

        Assert.Equal(0, code);
        Assert.Equal(
            """
            post

            aggregate parcel
              table      parcels (key id, root)
              table      scans (key id, child of parcels by parcel_id)
              command    reroute-parcel
              event      parcel-sent
              event      parcel-scanned
              event      parcel-delivered
              event      parcel-rerouted
              view       whereabouts (per entity, by place)
              reaction   parcel-late (per entity, state, settings Promises)
              reaction   hub-busy (keyed by a value of parcel-scanned, sliding 01:00:00, settings Promises)

            """.ReplaceLineEndings("\n"),
            output
        );
    }

    [Fact]
    public async Task Schemas_are_exported_checked_and_found_to_differ()
    {
        Assert.Equal(0, (await Run("schema", "export", _folder)).Code);
        Assert.Equal(0, (await Run("schema", "check", _folder)).Code);

        var events = Path.Combine(_folder, "parcel.events.schema.json");
        var schema = JsonNode.Parse(await File.ReadAllTextAsync(events, TestContext.Current.CancellationToken))!;
        Assert.Equal(
            ["parcel-sent", "parcel-scanned", "parcel-delivered", "parcel-rerouted"],
            schema["anyOf"]!.AsArray().Select(member => (string)member!["properties"]!["$type"]!["const"]!)
        );
        var api = JsonNode.Parse(
            await File.ReadAllTextAsync(Path.Combine(_folder, "asyncapi.json"), TestContext.Current.CancellationToken)
        )!;
        Assert.Equal("post.parcel.events.1", (string)api["channels"]!["parcel-events"]!["address"]!);
        Assert.Equal("string", (string)api["components"]!["messages"]!["parcel-sent"]!["payload"]!["properties"]!["place"]!["type"]!);

        await File.WriteAllTextAsync(events, "{}", TestContext.Current.CancellationToken);
        var (code, _, error) = await Run("schema", "check", _folder);
        Assert.Equal(1, code);
        Assert.StartsWith($"{events} differs from the code", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_verb_is_answered_with_the_usage_and_exit_code_2()
    {
        var (code, _, error) = await Run("relpay", "diff");

        Assert.Equal(2, code);
        Assert.StartsWith("There is no verb \"relpay diff\".\nUsage:", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--urls", false)]
    [InlineData("/urls", false)]
    [InlineData("urls=http://127.0.0.1", false)]
    [InlineData("topology", true)]
    public void Host_configuration_is_no_verb(string argument, bool verb) => Assert.Equal(verb, Verbs.IsVerb(argument));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<(int Code, string Output, string Error)> Run(params string[] args)
    {
        var (host, _) = Hosts.PostOffice();
        using (host)
        {
            using var output = new StringWriter();
            using var error = new StringWriter();
            var code = await Verbs.RunAsync(host.Services, args, output, error);
            return (code, output.ToString(), error.ToString());
        }
    }
}
