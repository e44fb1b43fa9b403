using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Testing;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Diffs;

/// <summary>The verb of the next build's executable, on the folder of the deployed one while that runs.</summary>
public sealed class ReplayVerbTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("millrace-verb-").FullName;
    private IHost _live = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { Args = ["--Millrace:Partitions=4"] });
        builder.AddMillrace(Ward.Deployed).UseEmbedded(_folder).UseFakeSource().UseSettings<Patience>("Patience");
        _live = builder.Build();
        await _live.StartAsync(Stop);
        var source = _live.Services.GetRequiredService<FakeSource>();
        await source.Commit(Insert(new CaseRow(1, "one", 2)));
        await source.Commit(Insert(new CaseRow(2, "two", 1)));
        await source.Commit(Insert(new NoteRow(1, 2, "a note")));
        await source.Commit(Update(new CaseRow(2, "two", 2)));
        await source.Settled(Stop);
        // Synced by the ten milliseconds that a commit waits for others.
        await Until(async () =>
            (await Run("replay", "show", "case/2")).Output.Contains("\"notes\": 1", StringComparison.OrdinalIgnoreCase)
        );
    }

    public async ValueTask DisposeAsync()
    {
        await _live.StopAsync(Stop);
        await ((IAsyncDisposable)_live).DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Without_a_difference_the_exit_code_is_0()
    {
        var (code, output, _) = await Run(Ward.Deployed, "replay", "diff");

        Assert.EndsWith("No differences.\n", output, StringComparison.Ordinal);
        Assert.Equal(0, code);
    }

    [Fact]
    public async Task A_person_is_told_what_differs_and_why()
    {
        var (code, output, _) = await Run("replay", "diff");

        Assert.Equal(1, code);
        Assert.StartsWith("ward: 4 commands", output, StringComparison.Ordinal);
        Assert.Contains(
            """
                           recorded  the same  changed  only before  only after  entities
            case
              case-graded         -         -        -            -           1         1
              case-noted          1         1        -            -           -         -
              case-opened         2         1        1            -           -         1

            case: 2 entities differ: 1, 2
            """.ReplaceLineEndings("\n"),
            output,
            StringComparison.Ordinal
        );
        Assert.Contains(
            """
                recorded                                               │   this build
              ─────────────────────────────────────────────────────────┼─────────────────────────────────────────────────────────
                case-opened                                            │   case-opened
                  title "one"                                          │     title "one"
              *   level "low"                                          │ *   level "high"
            """.ReplaceLineEndings("\n"),
            output,
            StringComparison.Ordinal
        );
        Assert.EndsWith("2 differences.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_is_told_the_same()
    {
        var (code, output, _) = await Run("replay", "diff", "--json", "--show=2");

        var json = JsonNode.Parse(output)!;
        Assert.Equal((1, 2), (code, (int)json["differences"]!));
        Assert.Equal(
            ["case-graded only-after 2", "case-opened changed 1"],
            json["types"]!
                .AsArray()
                .SelectMany(type =>
                    type!["entities"]!.AsArray().Select(entity => $"{type["type"]} {entity!["difference"]} {entity["entity"]}")
                )
        );
        Assert.Equal(["1", "2"], json["first"]!.AsArray().Select(first => (string)first!["entity"]!));
        Assert.Equal("high", (string)json["first"]![0]!["replayed"]![0]!["value"]!["level"]!);
        Assert.Equal(1, (int)json["first"]![1]!["before"]!["state"]!["notes"]!);
    }

    [Fact]
    public async Task What_is_meant_is_accepted_from_a_file_and_a_build_can_go_by_the_exit_code()
    {
        var file = Path.Combine(_folder, "..", $"{Path.GetFileName(_folder)}.json");
        try
        {
            Assert.Equal(1, (await Run("replay", "diff", "--accept", file)).Code);
            Assert.Equal(
                """
                {
                  "accepted": [
                    {
                      "of": "case",
                      "difference": "changed",
                      "type": "case-opened",
                      "entity": "1"
                    },
                    {
                      "of": "case",
                      "difference": "only-after",
                      "type": "case-graded",
                      "entity": "2"
                    }
                  ]
                }

                """.ReplaceLineEndings("\n"),
                await File.ReadAllTextAsync(file, Stop)
            );

            Assert.Equal(0, (await Run("replay", "diff", "--accepted", file)).Code);
            var (code, output, _) = await Run(Ward.Deployed, "replay", "diff", "--accepted", file);
            Assert.Equal(0, code);
            Assert.Contains(
                "Nothing meets the accepted difference case only-after case-graded 2 any more",
                output,
                StringComparison.Ordinal
            );
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("There is no option --jsno", "--jsno")]
    [InlineData("\"today\": it must be a time", "--since", "today")]
    [InlineData("There is no aggregate \"parcel\"", "--entity", "parcel/1")]
    [InlineData("cannot be read from nowhere.json", "--accepted", "nowhere.json")]
    [InlineData("/no/such/folder", "--json", "--Millrace:Embedded:Folder=/no/such/folder")]
    public async Task What_stands_in_the_way_is_said_with_exit_code_2(string said, params string[] options)
    {
        var (code, output, error) = await Run(["replay", "diff", .. options]);

        Assert.Contains(said, error, StringComparison.Ordinal);
        Assert.Equal((2, ""), (code, output));
    }

    [Fact]
    public async Task An_excerpt_needs_no_live_application_and_says_nothing_that_was_masked()
    {
        var file = Path.Combine(_folder, "..", $"{Path.GetFileName(_folder)}.jsonl");
        try
        {
            Assert.Equal(0, (await Run("record", file, "--mask", "title,text")).Code);
            var text = await File.ReadAllTextAsync(file, Stop);
            Assert.DoesNotContain("\"one\"", text, StringComparison.Ordinal);
            Assert.DoesNotContain("a note", text, StringComparison.Ordinal);
            // The same value is masked by the same one, in the row and in the event.
            var masked = System
                .Text.RegularExpressions.Regex.Matches(text, "\"title\":\"(masked-[0-9a-f]{8})\"")
                .Select(match => match.Groups[1].Value);
            Assert.Equal(2, masked.Distinct().Count());
            Assert.Equal(5, masked.Count());

            string[] elsewhere = ["--from", file, "--Millrace:Embedded:Folder=/no/such/folder"];
            Assert.Equal(0, (await Run(Ward.Deployed, ["replay", "diff", .. elsewhere])).Code);
            var (code, output, _) = await Run(["replay", "diff", "--json", .. elsewhere]);
            var json = JsonNode.Parse(output)!;
            Assert.Equal((1, 2, 4), (code, (int)json["differences"]!, (int)json["commands"]!));

            // The same entities and the same secret give the same file.
            Assert.Equal(0, (await Run("record", file, "--mask", "text", "--mask", "title")).Code);
            Assert.Equal(text, await File.ReadAllTextAsync(file, Stop));
            Assert.Equal(0, (await Run("record", file, "--entity", "case/2")).Code);
            Assert.DoesNotContain("\"key\":\"1\"", await File.ReadAllTextAsync(file, Stop), StringComparison.Ordinal);
            Assert.Equal(1, (await Run(["replay", "diff", .. elsewhere])).Code);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_copied_test_compiles_and_passes_and_fails_with_another_rule()
    {
        var source = _live.Services.GetRequiredService<FakeSource>();
        await source.Commit(Insert(new NoteRow(2, 2, "says \"\"\"quotes\"\"\" and \\ more")));
        await _live.Services.GetRequiredService<ICommands>().Send(2, new CaseCommand.Close("Ada"), Stop);
        await _live.Services.GetRequiredService<ICommands>().Send(2, new CaseCommand.Close("Ada"), Stop);
        await source.Commit(Delete(new NoteRow(1, 2, "a note")));
        await source.Settled(Stop);
        await Until(async () =>
            (await Run("replay", "show", "case/2", "--at", "7")).Output.Contains("\"sequence\": 7", StringComparison.Ordinal)
        );

        var (code, text, error) = await Run(Ward.Deployed, "replay", "test", "case/2", "--mask", "title,text");

        Assert.Equal((0, ""), (code, error));
        Assert.DoesNotContain("a note", text, StringComparison.Ordinal);
        Assert.Contains(".ThenRejected(\"It is closed.\")", text, StringComparison.Ordinal);
        Invoke(Compile(text));
        // Closed by another than was recorded.
        var failure = Assert.Throws<System.Reflection.TargetInvocationException>(() =>
            Invoke(Compile(text.Replace("case-closed\",\"by\":\"Ada", "case-closed\",\"by\":\"Bo", StringComparison.Ordinal)))
        );
        Assert.IsType<ScenarioException>(failure.InnerException);
    }

    private static System.Reflection.Assembly Compile(string text)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Select(path => Microsoft.CodeAnalysis.MetadataReference.CreateFromFile(path));
        var compilation = Microsoft.CodeAnalysis.CSharp.CSharpCompilation.Create(
            $"copied-{Guid.NewGuid():N}",
            [Microsoft.CodeAnalysis.CSharp.CSharpSyntaxTree.ParseText(text, cancellationToken: Stop)],
            references,
            new Microsoft.CodeAnalysis.CSharp.CSharpCompilationOptions(Microsoft.CodeAnalysis.OutputKind.DynamicallyLinkedLibrary)
        );
        using var bytes = new MemoryStream();
        var emitted = compilation.Emit(bytes, cancellationToken: Stop);
        Assert.True(emitted.Success, string.Join('\n', emitted.Diagnostics) + "\n" + text);
        return System.Reflection.Assembly.Load(bytes.ToArray());
    }

    private static void Invoke(System.Reflection.Assembly assembly)
    {
        var test = assembly.GetExportedTypes().Single();
        test.GetMethods()
            .Single(method => method.Name.EndsWith("_goes_as_recorded", StringComparison.Ordinal))
            .Invoke(Activator.CreateInstance(test), null);
    }

    [Fact]
    public async Task An_entity_is_shown_as_it_was_at_any_moment()
    {
        var now = JsonNode.Parse((await Run("replay", "show", "case/2")).Output)!;
        Assert.Equal((3, 2), ((int)now["at"]!["sequence"]!, (int)now["at"]!["root"]!["severity"]!));
        var command = (string)now["command"]!["id"]!;
        Assert.Equal("case-graded", (string)now["published"]![0]!["type"]!);

        var first = JsonNode.Parse((await Run("replay", "show", "case/2", "--at", "1")).Output)!;
        Assert.Equal((1, 1), ((int)first["at"]!["sequence"]!, (int)first["at"]!["root"]!["severity"]!));
        Assert.Empty(first["at"]!["rows"]!.AsObject());
        var second = JsonNode.Parse((await Run("replay", "show", "case/2", "--at", "2")).Output)!;
        Assert.Equal("a note", (string)second["at"]!["rows"]!["notes"]![0]!["text"]!);

        // By the command's id, and by its time.
        Assert.Equal(now.ToJsonString(), JsonNode.Parse((await Run("replay", "show", "case/2", "--at", command)).Output)!.ToJsonString());
        var time = (string)second["command"]!["time"]!;
        Assert.Equal(second.ToJsonString(), JsonNode.Parse((await Run("replay", "show", "case/2", "--at", time)).Output)!.ToJsonString());
        var (code, before, _) = await Run("replay", "show", "case/2", "--at", "2001-01-01T00:00:00Z");
        Assert.Equal((1, """{"aggregate":"case","entity":"2"}"""), (code, JsonNode.Parse(before)!.ToJsonString()));
    }

    private Task<(int Code, string Output, string Error)> Run(params string[] args) => Run(Ward.With(new Ward.Rules(HighFrom: 2)), args);

    private async Task<(int Code, string Output, string Error)> Run(Topology topology, params string[] args)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddMillrace(topology).UseEmbedded(_folder).UseFakeSource().UseSettings<Patience>("Patience");
        using var host = builder.Build();
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Verbs.RunAsync(host.Services, args, output, error);
        return (code, output.ToString(), error.ToString());
    }

    private static async Task Until(Func<Task<bool>> condition)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), "It did not come within a minute.");
        }
    }
}
