using Millrace.Engines;

namespace Millrace.Tests.Replay;

public sealed class GenerationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("millrace-generations-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory, InlineData("memory"), InlineData("embedded")]
    public async Task A_generation_takes_over_while_commands_come_and_is_gone_back_from_and_promoted_again(string kind)
    {
        await using var engine = Open(kind);
        await using var room = await new Newsroom(engine, version: 0, candidate: 1).StartAsync();
        await room.TellAsync(2_000);
        var shadow = await room.ShadowAsync(version: 1);

        await Under(room, () => room.Generations.PromoteAsync(shadow, true, "new rule", "ann", Newsroom.Cancellation));
        Assert.Equal(shadow, room.Generations.Registry.Live);
        await Under(room, () => room.Generations.RollBackAsync("second thoughts", "ann", Newsroom.Cancellation));
        Assert.Equal(1, room.Generations.Registry.Live);
        await Under(room, () => room.Generations.PromoteAsync(shadow, true, "third thoughts", "ann", Newsroom.Cancellation));
        Assert.Null(await room.WrongAsync());

        var dropped = await room.Generations.CompleteAsync("ann", Newsroom.Cancellation);
        Assert.Equal(["notes.note.decide.1"], dropped.Groups);
        await room.TellAsync(100);
        Assert.Null(await room.WrongAsync());
        await Newsroom.Until(() => room.Generations.Registry.Generations.Count == 1);
        for (var partition = 0; partition < 2; partition++)
        {
            using var rest = engine.OpenState("notes.note.decide.1", partition).Range([], []);
            Assert.False(rest.MoveNext());
        }
    }

    [Theory, InlineData("memory"), InlineData("embedded")]
    public async Task A_shadow_that_was_stopped_in_the_middle_goes_on_where_it_was(string kind)
    {
        await using var engine = Open(kind);
        var room = await new Newsroom(engine, version: 0, candidate: 1).StartAsync();
        await room.TellAsync(5_000);
        var shadow = (await room.Generations.StartAsync(5, null, null, Newsroom.Cancellation)).Number;
        room.Versions[shadow] = 1;
        await Newsroom.Until(() => State(room, shadow).Position > 0);
        await room.DisposeAsync();

        await using var next = await new Newsroom(engine, 0, 1, versions: room.Versions, told: room.Told).StartAsync();
        await next.Generations.ThrottleAsync(shadow, 100, null, Newsroom.Cancellation);
        await Newsroom.Until(() => State(next, shadow).Lag == 0);

        Assert.Null(await next.WrongAsync());
    }

    [Fact]
    public async Task After_a_promotion_only_the_build_that_was_promoted_starts()
    {
        await using var engine = new InMemoryEngine();
        var room = await new Newsroom(engine, version: 0, candidate: 1).StartAsync();
        await room.TellAsync(100);
        var shadow = await room.ShadowAsync(version: 1);
        await room.Generations.PromoteAsync(shadow, false, "new rule", null, Newsroom.Cancellation);
        await room.SettledAsync();
        await room.Generations.CompleteAsync(null, Newsroom.Cancellation);
        await room.DisposeAsync();

        await using (var old = new Newsroom(engine, version: 0, candidate: null))
        {
            var refused = await Assert.ThrowsAsync<MillraceStartException>(old.StartAsync);
            Assert.Contains("Generation 2 is live, made by the code", refused.Message, StringComparison.Ordinal);
            Assert.Contains("Deploy the build that was promoted", refused.Message, StringComparison.Ordinal);
        }
        await using var promoted = await new Newsroom(
            engine,
            version: 1,
            candidate: 2,
            versions: room.Versions,
            told: room.Told
        ).StartAsync();
        await promoted.TellAsync(100);
        Assert.Null(await promoted.WrongAsync());

        // And the next one.
        var third = await promoted.ShadowAsync(version: 2);
        await Under(promoted, () => promoted.Generations.PromoteAsync(third, true, "newer rule", null, Newsroom.Cancellation));
        Assert.Null(await promoted.WrongAsync());
    }

    [Fact]
    public async Task What_differs_is_counted_and_answers_that_clients_would_not_get_now_are_named()
    {
        await using var engine = new InMemoryEngine();
        await using var room = await new Newsroom(engine, version: 0, candidate: 1).StartAsync();
        await room.TellAsync(400);
        var shadow = await room.ShadowAsync(version: 1);

        var (events, outcomes) = Wanted(engine);
        var differences = default(Comparison);
        await Newsroom.Until(() =>
            (differences = State(room, shadow).Comparison!).OtherOutcomes == outcomes
            && differences.Same == events.Same
            && differences.Different == events.Different
            && (differences.Added, differences.Missing) == (events.Added, events.Missing)
        );
        Assert.All(differences!.Answers, answer => Assert.StartsWith("note ", answer, StringComparison.Ordinal));
        Assert.NotEmpty(differences.Answers);
    }

    [Fact]
    public async Task A_generation_that_has_not_caught_up_is_not_promoted_and_a_second_is_not_begun()
    {
        await using var engine = new InMemoryEngine();
        await using var room = await new Newsroom(engine, version: 0, candidate: 1).StartAsync();
        await room.TellAsync(20_000);
        await Newsroom.Until(() => State(room, 1).Lag == 0);
        var shadow = (await room.Generations.StartAsync(1, null, null, Newsroom.Cancellation)).Number;

        var early = await Assert.ThrowsAsync<ReplayException>(() =>
            room.Generations.PromoteAsync(shadow, false, "now", null, Newsroom.Cancellation)
        );
        Assert.Contains("commands behind", early.Message, StringComparison.Ordinal);
        var second = await Assert.ThrowsAsync<ReplayException>(() => room.Generations.StartAsync(100, null, null, Newsroom.Cancellation));
        Assert.Equal("Generation 2 is in the shadow already: promote it, or abandon it.", second.Message);
        await room.Generations.AbandonAsync(shadow, null, Newsroom.Cancellation);
        await Newsroom.Until(() => room.Generations.Registry.Generations.Count == 1);
        Assert.Equal(3, (await room.Generations.StartAsync(100, null, null, Newsroom.Cancellation)).Number);
    }

    [Fact]
    public async Task A_second_state_that_the_disk_has_no_room_for_is_not_begun()
    {
        await using var engine = EmbeddedEngine.Open(new EmbeddedOptions { Folder = _folder });
        Assert.True(engine.RoomFor(["notes.note.decide.1"])!.FreeBytes > 0);
        await using var room = await new Newsroom(new Cramped(engine), version: 0, candidate: 1).StartAsync();
        await room.TellAsync(200);
        await Newsroom.Until(() => State(room, 1).Lag == 0);

        var refused = await Assert.ThrowsAsync<ReplayException>(() => room.Generations.StartAsync(100, null, null, Newsroom.Cancellation));
        Assert.StartsWith(
            "There is not enough room for a second state and event log: about 5 MB are needed (5 MB of state, 0 MB of events), and 0 MB are free",
            refused.Message,
            StringComparison.Ordinal
        );
    }

    /// <summary>An engine on a disk that is as good as full.</summary>
    private sealed class Cramped(IEngine inner) : IEngine
    {
        public EngineRoom? RoomFor(IReadOnlyCollection<string> groups) => new(1 << 10, 5 << 20);

        public ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) =>
            inner.CreateTopicsAsync(topics, cancellation);

        public ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) =>
            inner.AddPartitionsAsync(topics, cancellation);

        public IAppender OpenAppender(string name) => inner.OpenAppender(name);

        public Task RunAsync(ProcessorGroup group, CancellationToken cancellation) => inner.RunAsync(group, cancellation);

        public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false) => inner.Read(source, offset, durableOnly);

        public IStateReader OpenState(string name, int partition) => inner.OpenState(name, partition);

        public long CommittedOffset(string group, TopicPartition source) => inner.CommittedOffset(group, source);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private static GenerationState State(Newsroom room, int number) =>
        room.Generations.Status().Generations.Single(one => one.Number == number);

    /// <summary>A move while commands come before, during and after it.</summary>
    private static async Task Under(Newsroom room, Func<Task> move)
    {
        await room.SettledAsync();
        var traffic = room.TellAsync(1_500);
        await move();
        await traffic;
        await room.TellAsync(100);
        await room.SettledAsync();
    }

    /// <summary>What differs between the first and the second version over the recorded commands, by the model.</summary>
    private static ((long Same, long Different, long Added, long Missing) Events, long Outcomes) Wanted(IEngine engine)
    {
        var (was, now) = (new Dictionary<string, string>(), new Dictionary<string, string>());
        long outcomes = 0;
        var (first, second) = (new NoteModel(0), new NoteModel(1));
        foreach (var (entity, id, native) in NoteLogs.Commands(engine, 2))
        {
            if (!native)
            {
                Keep(first.Put(entity, id, long.Parse(id[1..], System.Globalization.CultureInfo.InvariantCulture)), was);
                Keep(second.Put(entity, id, long.Parse(id[1..], System.Globalization.CultureInfo.InvariantCulture)), now);
                continue;
            }
            var (told, would) = (first.Ask(entity, id), second.Ask(entity, id));
            Keep(told.Events, was);
            Keep(would.Events, now);
            outcomes += told.Outcome == would.Outcome ? 0 : 1;
        }
        var both = was.Keys.Intersect(now.Keys).ToList();
        var same = both.Count(id => was[id] == now[id]);
        return ((same, both.Count - same, now.Count - both.Count, was.Count - both.Count), outcomes);

        static void Keep(IEnumerable<string> events, Dictionary<string, string> log)
        {
            foreach (var line in events)
            {
                log.Add(line.Split(' ')[0], line);
            }
        }
    }

    private IEngine Open(string kind) =>
        kind == "memory" ? new InMemoryEngine() : EmbeddedEngine.Open(new EmbeddedOptions { Folder = _folder });
}
