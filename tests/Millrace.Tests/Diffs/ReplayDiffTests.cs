using System.Text.Json;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Diffs;

/// <summary>What a build would publish otherwise than what is recorded, as a hand would count it.</summary>
public class ReplayDiffTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_same_code_gives_no_difference()
    {
        var result = await DiffAsync(Recorded(), Ward.Deployed);

        Assert.Empty(Found(result));
        Assert.Equal(8 + 2 + 3 + 1, result.Tally.Types.Where(type => type.Key.Log == ComparedLog.Events).Sum(type => type.Value.Same));
        Assert.Equal(2, result.Tally.Types[(ComparedLog.Answers, "case", "answer")].Same);
    }

    [Fact]
    public async Task A_changed_rule_changes_exactly_the_events_it_decides() =>
        // Severity 2 was low: cases 2 and 6 opened with it, 4 came to it from 1 and 5 left it for 3.
        Assert.Equal(
            [
                "Changed case-opened 2",
                "Changed case-opened 6",
                "OnlyBefore case-graded 5",
                "OnlyAfter case-graded 4",
                "Changed case-opened 5",
            ],
            Found(await DiffAsync(Recorded(), Ward.With(new Ward.Rules(HighFrom: 2)))),
            SameInAnyOrder
        );

    [Fact]
    public async Task A_new_event_is_found_where_it_would_be_published() =>
        Assert.Equal(
            ["OnlyAfter case-escalated 7", "OnlyAfter case-escalated 8"],
            Found(await DiffAsync(Recorded(), Ward.With(new Ward.Rules(Escalates: true)))),
            SameInAnyOrder
        );

    [Fact]
    public async Task What_a_client_would_be_told_otherwise_is_a_difference() =>
        Assert.Equal(
            ["Changed answer 1", "OnlyBefore case-closed 1", "Changed answer 1"],
            Found(await DiffAsync(Recorded(), Ward.With(new Ward.Rules(CloseBy: "Bo")))),
            SameInAnyOrder
        );

    [Fact]
    public async Task Alerts_that_would_have_been_sent_and_those_that_would_not_are_found_by_their_keys()
    {
        var recorded = Recorded().After(TimeSpan.FromHours(2));
        Assert.Empty(Intents(await DiffAsync(recorded, Ward.Deployed)));

        // Cases 2, 5 and 6 are high now, and nobody noted anything about them. Of the low ones the third was a rush, and is not;
        // of the high ones the third came earlier.
        Assert.Equal(
            [
                "OnlyAfter unnoticed 2",
                "OnlyAfter unnoticed 5",
                "OnlyAfter unnoticed 6",
                "OnlyBefore rush low",
                "OnlyBefore rush high",
                "OnlyAfter rush high",
            ],
            Intents(await DiffAsync(recorded, Ward.With(new Ward.Rules(HighFrom: 2)))),
            SameInAnyOrder
        );
        // The same alerts with other words.
        Assert.Equal(
            ["Changed unnoticed 3", "Changed unnoticed 7", "Changed unnoticed 8"],
            Intents(await DiffAsync(recorded, Ward.With(new Ward.Rules(Suffix: "!")))),
            SameInAnyOrder
        );
    }

    [Fact]
    public async Task A_reaction_that_is_new_wants_all_that_it_wants_only_after()
    {
        var recorded = Recorded(Ward.WithoutReactions).After(TimeSpan.FromHours(2));
        var result = await new ReplayDiff(
            Run(recorded, Ward.Deployed),
            new ReplaySelection(),
            null,
            1,
            2,
            new Dictionary<Type, object> { [typeof(Patience)] = new Patience() }
        ).RunAsync(Stop);

        Assert.Empty(Found(result));
        Assert.Equal(
            ["OnlyAfter unnoticed 3", "OnlyAfter unnoticed 7", "OnlyAfter unnoticed 8", "OnlyAfter rush low", "OnlyAfter rush high"],
            Intents(result),
            SameInAnyOrder
        );
    }

    [Theory]
    [InlineData(1, 200_000, 1)]
    [InlineData(3, 1, 1)]
    [InlineData(7, 2, 2)]
    [InlineData(64, 1, 2)]
    [InlineData(8_192, 3, 4)]
    public async Task It_finds_the_same_in_batches_of_any_size_and_with_little_memory(int batch, int unpaired, int threads)
    {
        // Rows that a snapshot does not show are swept in steps between batches; a note that came before its case, and a case that is held.
        var faulty = new Ward.Rules(ThrowsOn: "b");
        var recorded = Recorded(Ward.With(faulty))
            .Given(Insert(new NoteRow(9, 20, "early")))
            .Given(Insert(new CaseRow(20, "twenty", 2)))
            .Unseen(Delete(new CaseRow(6, "six", 2)), Delete(new CaseRow(7, "seven", 4)), Insert(new CaseRow(30, "thirty", 2)))
            .Snapshot();
        await recorded.Runtime.Operator.RetryAsync("case", "1", null, "mended", null);
        recorded.Settle();
        recorded.After(TimeSpan.FromHours(2));

        Assert.Empty((await DiffInStepsAsync(Ward.With(faulty))).Tally.First);
        var candidate = Ward.With(new Ward.Rules(HighFrom: 2, Escalates: true));
        var expected = await DiffAsync(recorded, candidate);
        var found = await DiffInStepsAsync(candidate);

        Assert.Equal(Found(expected).Order(StringComparer.Ordinal), Found(found).Order(StringComparer.Ordinal));
        Assert.Equal(Intents(expected).Order(StringComparer.Ordinal), Intents(found).Order(StringComparer.Ordinal));
        Assert.Equal(expected.Tally.First, found.Tally.First);
        Assert.Equal(
            expected.Tally.Types.Select(type => (type.Key, type.Value.Recorded, type.Value.Same)),
            found.Tally.Types.Select(type => (type.Key, type.Value.Recorded, type.Value.Same))
        );

        Task<ReplayResult> DiffInStepsAsync(Topology topology) =>
            new ReplayDiff(Run(recorded, topology), new ReplaySelection(), null, 1, threads)
            {
                Batch = batch,
                MostUnpaired = unpaired,
            }.RunAsync(Stop);
    }

    [Fact]
    public async Task A_run_that_was_broken_off_leaves_nothing_behind()
    {
        var recorded = Recorded();
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        await broken.CancelAsync();
        var before = Temporary();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            new ReplayDiff(Run(recorded, Ward.Deployed), new ReplaySelection(), null, 1, 1).RunAsync(broken.Token)
        );

        Assert.Empty(Temporary().Except(before));
        Assert.Empty(Found(await DiffAsync(recorded, Ward.Deployed)));

        static List<string> Temporary() =>
            [
                .. Directory
                    .EnumerateFileSystemEntries(Path.GetTempPath(), "millrace-*")
                    .Where(path => Path.GetFileName(path).Split('-')[1] is "replay" or "unpaired" or "spool"),
            ];
    }

    [Fact]
    public async Task Code_that_throws_parks_its_entity_and_the_rest_goes_on()
    {
        var result = await DiffAsync(Recorded(), Ward.With(new Ward.Rules(ThrowsOn: "b")));

        var parked = Assert.Single(result.Parked);
        Assert.Equal(("case", "1", false), (parked.Aggregate, parked.Entity, parked.Live));
        Assert.Contains("What is b?", parked.Reason, StringComparison.Ordinal);
        // The note and the next one are not there; the answers were decided while the case is held.
        Assert.Equal(
            ["OnlyBefore case-noted 1", "OnlyBefore case-noted 1", "OnlyBefore case-closed 1", "Changed answer 1", "Changed answer 1"],
            Found(result),
            SameInAnyOrder
        );
    }

    [Fact]
    public async Task The_first_difference_has_its_command_the_state_before_and_both_decisions()
    {
        var scenario = Recorded();
        var run = Run(scenario, Ward.With(new Ward.Rules(HighFrom: 2)));
        var result = await new ReplayDiff(run, new ReplaySelection(), null, 1, 2).RunAsync(Stop);
        var first = await new EntityReplay(run).ExplainAsync(Assert.Single(result.Tally.First), Stop);

        Assert.Equal("2", first.Difference.Entity);
        Assert.Contains("\"Severity\":2", first.Command!.Value, StringComparison.OrdinalIgnoreCase);
        Assert.Null(first.Before);
        Assert.Equal("""{"$type":"case-opened","title":"two","level":"low"}""", Assert.Single(first.Recorded).Value);
        Assert.Equal("""{"$type":"case-opened","title":"two","level":"high"}""", Assert.Single(first.Replayed).Value);
    }

    [Fact]
    public async Task Only_what_is_selected_is_compared()
    {
        var candidate = Ward.With(new Ward.Rules(HighFrom: 2));
        var recorded = Recorded();

        Assert.Equal(
            ["Changed case-opened 6"],
            Found(await DiffAsync(recorded, candidate, new ReplaySelection { Entities = [new EntityName("case", "6")] }))
        );
        Assert.Empty(Found(await DiffAsync(recorded, candidate, new ReplaySelection { Until = 0 })));
        // Ten minutes in, severities change; the cases were opened before.
        var changes = new DateTimeOffset(2024, 1, 1, 0, 10, 0, TimeSpan.Zero);
        Assert.Equal(
            ["OnlyBefore case-graded 5", "OnlyAfter case-graded 4"],
            Found(await DiffAsync(recorded, candidate, new ReplaySelection { Since = Instants.Of(changes) })),
            SameInAnyOrder
        );
        var sample = await DiffAsync(recorded, candidate, new ReplaySelection { Sample = 3 });
        Assert.Equal(
            sample.Tally.Types.Values.Select(type => (type.Recorded, type.Same)),
            (await DiffAsync(recorded, candidate, new ReplaySelection { Sample = 3 })).Tally.Types.Values.Select(type =>
                (type.Recorded, type.Same)
            )
        );
        Assert.Equal(3, sample.Tally.Types[(ComparedLog.Events, "case", "case-opened")].Recorded);
    }

    [Fact]
    public async Task Accepted_differences_are_left_out_and_stale_ones_are_named()
    {
        var candidate = Ward.With(new Ward.Rules(HighFrom: 2));
        var recorded = Recorded();
        var path = Path.GetTempFileName();
        try
        {
            ReplayAcceptance.Save(path, (await DiffAsync(recorded, candidate)).Tally, null);
            var accepted = ReplayAcceptance.Load(path);
            var result = await new ReplayDiff(Run(recorded, candidate), new ReplaySelection(), accepted, 1, 2).RunAsync(Stop);
            // Five events and three rushes.
            Assert.Equal((0, 8), (result.Tally.Differences, result.Tally.Accepted));
            Assert.Empty(accepted.Stale);

            var again = ReplayAcceptance.Load(path);
            Assert.Empty(Found(await new ReplayDiff(Run(recorded, Ward.Deployed), new ReplaySelection(), again, 1, 2).RunAsync(Stop)));
            Assert.Equal(8, again.Stale.Count());

            // A pattern stands for all of a kind; what it does not name is left.
            await File.WriteAllTextAsync(
                path,
                """{"accepted":[{"of":"case","difference":"changed","type":"case-*","entity":"*"}]}""",
                Stop
            );
            var pattern = ReplayAcceptance.Load(path);
            Assert.Equal(
                ["OnlyBefore case-graded 5", "OnlyAfter case-graded 4"],
                Found(await new ReplayDiff(Run(recorded, candidate), new ReplaySelection(), pattern, 1, 2).RunAsync(Stop)),
                SameInAnyOrder
            );
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_command_that_this_build_does_not_know_is_said()
    {
        var failure = await Assert.ThrowsAsync<ReplayException>(() => DiffAsync(Recorded(), Ward.WithoutCommands));
        Assert.Contains("close-case", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_operator_skipped_or_had_tried_again_is_so_in_the_replay_too()
    {
        // Deployed with a fault: note b parks its case, the next note queues, and an operator skips b.
        var faulty = Ward.With(new Ward.Rules(ThrowsOn: "b"));
        var scenario = Recorded(faulty);
        await scenario.Runtime.Operator.SkipAsync("case", "1", null, "nobody knows what b is", "Bo");
        scenario.Settle();

        Assert.Empty(Found(await DiffAsync(scenario, faulty)));
        var mended = await DiffAsync(scenario, Ward.Deployed);
        // Nothing is parked any more, so there is nothing to skip: b is noted, and what came behind it has another number.
        Assert.Equal(
            ["OnlyAfter case-noted 1", "Changed case-noted 1", "OnlyAfter case-closed 1", "Changed answer 1", "Changed answer 1"],
            Found(mended),
            SameInAnyOrder
        );
    }

    [Fact]
    public async Task Differences_since_the_last_change_of_code_are_told_from_those_before()
    {
        var scenario = Recorded();
        var heads = new Dictionary<string, string>();
        // A new build was deployed: its hash is in the log from here on.
        var appender = scenario.Engine.OpenAppender("a deployment");
        var transaction = appender.Begin();
        var commands = scenario.Runtime.Application.Commands(scenario.Runtime.Application.Topology.Aggregates[0]);
        for (var partition = 0; partition < commands.Partitions; partition++)
        {
            transaction.Append(
                new TopicPartition(commands, partition),
                scenario.Now,
                default,
                LogHeads.Headers(Controls.Code, "code-next"),
                JsonSerializer.SerializeToUtf8Bytes(new CodeRecord("next"), MillraceJson.Default.CodeRecord)
            );
        }
        await appender.CommitAsync(transaction, durable: true, Stop);
        scenario.Settle();
        scenario.Given(Insert(new CaseRow(9, "nine", 2)));

        Assert.Equal(
            ["Changed case-opened 9"],
            Found(await DiffAsync(scenario, Ward.With(new Ward.Rules(HighFrom: 2)), new ReplaySelection { SinceCode = true }))
        );
    }

    /// <summary>Eight cases, notes on the first, and two commands to it.</summary>
    private static Scenario Recorded(Topology? deployed = null)
    {
        string[] titles = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
        int[] severities = [1, 2, 3, 1, 2, 2, 4, 5];
        var scenario = Scenario.Of(deployed ?? Ward.Deployed, new Patience());
        for (var i = 0; i < titles.Length; i++)
        {
            scenario.Given(Insert(new CaseRow(i + 1, titles[i], severities[i])));
        }
        return scenario
            .After(TimeSpan.FromMinutes(10))
            .Given(Update(new CaseRow(4, "four", 2)), Update(new CaseRow(5, "five", 3)))
            .Given(Update(new CaseRow(3, "three", 1)))
            .Given(Insert(new NoteRow(1, 1, "a")))
            .Given(Insert(new NoteRow(2, 1, "b")))
            .Given(Insert(new NoteRow(3, 1, "c")))
            .When(1, new CaseCommand.Close("Ada"))
            .When(1, new CaseCommand.Close("Ada"));
    }

    private static ReplayRun Run(Scenario scenario, Topology candidate) =>
        ReplayRun.Of(candidate, new MillraceOptions(), scenario.Engine, static () => new ScratchState(), new Nothing());

    private static Task<ReplayResult> DiffAsync(Scenario scenario, Topology candidate, ReplaySelection? selection = null) =>
        new ReplayDiff(Run(scenario, candidate), selection ?? new ReplaySelection(), null, 1, 2).RunAsync(Stop);

    private static List<string> Found(ReplayResult result) =>
        [
            .. result
                .Tally.Types.Where(type => type.Key.Log != ComparedLog.Intents)
                .SelectMany(type =>
                    type.Value.ByEntity.SelectMany(entry =>
                        Enumerable.Repeat($"{entry.Key.Kind} {type.Key.Type} {entry.Key.Entity}", (int)entry.Value)
                    )
                ),
        ];

    private static List<string> Intents(ReplayResult result) =>
        [
            .. result
                .Tally.Types.Where(type => type.Key.Log == ComparedLog.Intents)
                .SelectMany(type => type.Value.ByEntity.Keys.Select(key => $"{key.Kind} {type.Key.Of} {key.Entity}")),
        ];

    private static bool SameInAnyOrder(IEnumerable<string> expected, IEnumerable<string> found) =>
        expected.Order(StringComparer.Ordinal).SequenceEqual(found.Order(StringComparer.Ordinal));

    private sealed class Nothing : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
