using Millrace.Tests.Flow;
using static Millrace.Tests.Flow.CaseEvent;

namespace Millrace.Tests.Views;

public class ViewTests
{
    private static readonly ViewIndex<CaseDocument, int> ByLevel = new("level", document => document.Level);
    private static readonly ViewIndex<CaseDocument, (string, int)> ByGroup = new("group", document => (document.Group, document.Level));
    private static readonly View<CaseDocument> OpenCases = View.Named("open-cases")
        .Of(Cases.Aggregate)
        .PerEntity()
        .Document<CaseDocument>(Apply)
        .Index(ByLevel)
        .Index(ByGroup);
    private static readonly View<GroupDocument> Groups = View.Named("groups")
        .Of(Cases.Aggregate)
        .KeyedBy((e, _) => e is Opened o ? o.Group : null)
        .Document<GroupDocument>((document, _, _) => new GroupDocument((document?.Opened ?? 0) + 1));

    private static CaseDocument? Apply(CaseDocument? document, CaseEvent e, Context context) =>
        (e, document) switch
        {
            (Opened o, _) => new CaseDocument(o.Subject, o.Group, o.Level, 1, context.EntityId.Value),
            (Moved m, { } open) => open with { Level = m.Level, Seen = open.Seen + 1 },
            (Closed, _) => null,
            (Poison, _) => throw new InvalidOperationException("not this one"),
            _ => document,
        };

    [Fact]
    public async Task A_document_follows_its_events_and_goes_with_the_last()
    {
        await using var rig = new Rig(Cases.Topology.Add(OpenCases), partitions: 4);
        rig.Event("1", new Opened("mail", "net", 1), 10);
        rig.Event("1", new Moved(3), 20);
        rig.Event("2", new Opened("disk", "box", 2), 30);
        rig.Settle();
        var view = rig.View<CaseDocument>();
        Assert.Equal(new CaseDocument("mail", "net", 3, 2, "1"), view.Get(1));
        Assert.Equal(2, rig.Services.Counters.View(OpenCases, 4).Documents.Sum);

        rig.Event("1", new Closed(), 40);
        rig.Settle();
        Assert.Null(view.Get(1));
        Assert.Equal(["2"], view.All().Select(found => found.Key));
        Assert.Equal(["2"], view.Range(ByLevel).Select(found => found.Key));
        Assert.Equal(1, rig.Services.Counters.View(OpenCases, 4).Documents.Sum);
    }

    [Fact]
    public async Task A_range_merges_partitions_in_the_order_of_the_index_both_ways()
    {
        await using var rig = new Rig(Cases.Topology.Add(OpenCases), partitions: 4);
        var random = new Random(7);
        var model = new Dictionary<string, (string Group, int Level)>();
        for (var i = 0; i < 400; i++)
        {
            var (entity, level, group) = ($"{random.Next(120)}", random.Next(-5, 6), $"g{random.Next(3)}");
            if (!model.TryGetValue(entity, out var was))
            {
                rig.Event(entity, new Opened("s", group, level), i);
                model[entity] = (group, level);
            }
            else if (random.Next(4) == 0)
            {
                rig.Event(entity, new Closed(), i);
                model.Remove(entity);
            }
            else
            {
                rig.Event(entity, new Moved(level), i);
                model[entity] = (was.Group, level);
            }
        }
        rig.Settle();
        var view = rig.View<CaseDocument>();

        var byLevel = model
            .OrderBy(entry => entry.Value.Level)
            .ThenBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => (entry.Key, entry.Value.Level))
            .ToList();
        Assert.Equal(byLevel, view.Range(ByLevel).Select(found => (found.Key, found.Document!.Level)));
        Assert.Equal(
            Enumerable.Reverse(byLevel),
            view.Range(ByLevel, descending: true).Select(found => (found.Key, found.Document!.Level))
        );
        Assert.Equal(
            byLevel.Where(entry => entry.Level >= 2),
            view.Range(ByLevel, from: 2).Select(found => (found.Key, found.Document!.Level))
        );
        Assert.Equal(
            byLevel.Where(entry => entry.Level is >= -1 and <= 1),
            view.Range(ByLevel, -1, 1).Select(found => (found.Key, found.Document!.Level))
        );
        Assert.Empty(view.Range(ByLevel, 3, 1));
        Assert.Equal(
            model.Where(entry => entry.Value is { Group: "g1", Level: >= 0 }).Select(entry => entry.Key).Order(StringComparer.Ordinal),
            view.Range(ByGroup, ("g1", 0), ("g1", int.MaxValue)).Select(found => found.Key).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Events_travel_to_a_key_of_the_views_own()
    {
        await using var rig = new Rig(Cases.Topology.Add(Groups), partitions: 4);
        for (var i = 0; i < 50; i++)
        {
            rig.Event($"{i}", new Opened("s", $"g{i % 3}", 0), i);
            rig.Event($"{i}", new Moved(1), i);
        }
        rig.Settle();
        var view = rig.View<GroupDocument>();
        Assert.Equal([("g0", 17), ("g1", 17), ("g2", 16)], view.All().Select(found => (found.Key, found.Document!.Opened)).Order());
    }

    [Fact]
    public async Task A_read_of_ones_own_write_waits_for_it()
    {
        await using var rig = new Rig(Cases.Topology.Add(OpenCases).Add(Groups), partitions: 4);
        rig.Event("1", new Opened("mail", "net", 1), 10);
        var events = rig.Application.Events(Cases.Aggregate);
        var partition = Enumerable.Range(0, 4).Single(p => rig.Engine.Read(new(events, p), 0).End == 1);
        var position = new LogPosition(events.Name, partition, 1);
        var mine = rig.View<CaseDocument>().Get(1, position, TestContext.Current.CancellationToken);
        var group = rig.View<GroupDocument>().Get("net", position, TestContext.Current.CancellationToken);
        Assert.False(mine.IsCompleted || group.IsCompleted);
        rig.Settle();
        Assert.Equal("mail", (await mine)!.Subject);
        Assert.Equal(1, (await group)!.Opened);
        await Assert.ThrowsAsync<ArgumentException>(async () =>
            await rig.View<CaseDocument>().Get(1, position with { Topic = "other" }, TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task A_watcher_sees_what_is_committed_from_then_on()
    {
        await using var rig = new Rig(Cases.Topology.Add(OpenCases), partitions: 2);
        rig.Event("1", new Opened("before", "net", 1), 10);
        rig.Settle();
        var watch = rig.View<CaseDocument>()
            .Watch(TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);
        rig.Event("1", new Moved(2), 20);
        rig.Settle();
        rig.Event("1", new Closed(), 30);
        rig.Settle();
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal(2, watch.Current.Document!.Level);
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal(new Keyed<CaseDocument>("1", null), watch.Current);
        await watch.DisposeAsync();
    }

    [Fact]
    public async Task A_watcher_that_is_too_slow_is_told_so()
    {
        await using var rig = new Rig(Cases.Topology.Add(OpenCases), partitions: 1);
        var watch = rig.View<CaseDocument>().Watch(TestContext.Current.CancellationToken);
        for (var i = 0; i < 5000; i++)
        {
            rig.Event($"{i}", new Opened("s", "g", 0), i);
        }
        rig.Settle();
        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (var _ in watch) { }
        });
    }

    [Fact]
    public async Task What_throws_parks_its_key_alone_and_can_be_skipped()
    {
        await using var rig = new Rig(Cases.Topology.Add(OpenCases), partitions: 1);
        rig.Event("1", new Opened("mail", "net", 1), 10);
        rig.Event("1", new Poison("net"), 20);
        rig.Event("1", new Moved(5), 30);
        rig.Event("2", new Opened("disk", "box", 2), 40);
        rig.Settle();
        var view = rig.View<CaseDocument>();
        Assert.Equal(1, view.Get(1)!.Level);
        Assert.Equal(2, view.Get(2)!.Level);
        var parked = Assert.Single(rig.Operations.Parked());
        Assert.Equal(("open-cases", "1", "1-2/0", 1), (parked.Aggregate, parked.Entity, parked.CommandId, parked.Waiting));
        Assert.Contains("not this one", parked.Reason, StringComparison.Ordinal);

        await rig.Operator.SkipAsync("open-cases", "1", "1-3/0", "it does not stand there", "ann");
        await rig.Operator.RetryAsync("open-cases", "2", null, "it is not parked", "ann");
        rig.Settle();
        Assert.Equal(parked, Assert.Single(rig.Operations.Parked()));

        await rig.Operator.SkipAsync("open-cases", "1", "1-2/0", "a test", "ann");
        rig.Event("3", new Opened("else", "box", 2), 50);
        rig.Settle();
        Assert.Equal(5, view.Get(1)!.Level);
        Assert.Empty(rig.Operations.Parked());
    }

    [Fact]
    public async Task A_key_that_cannot_be_made_parks_its_entity_alone()
    {
        var picky = View.Named("picky")
            .Of(Cases.Aggregate)
            .KeyedBy((e, _) => e is Poison ? throw new InvalidOperationException("no key") : "all")
            .Document<GroupDocument>((document, _, _) => new GroupDocument((document?.Opened ?? 0) + 1));
        await using var rig = new Rig(Cases.Topology.Add(picky));
        rig.Event("1", new Moved(1), 10);
        rig.Event("1", new Poison("g"), 20);
        rig.Event("1", new Moved(2), 30);
        rig.Event("2", new Moved(1), 40);
        rig.Settle();
        Assert.Equal(2, rig.View<GroupDocument>().Get("all")!.Opened);
        Assert.Equal(
            ("picky", "1", 1),
            rig.Operations.Parked().Select(parked => (parked.Aggregate, parked.Entity, parked.Waiting)).Single()
        );
        await rig.Operator.SkipAsync("picky", "1", "1-2/0", "a test", "ann");
        rig.Tick(50);
        rig.Settle();
        Assert.Equal(3, rig.View<GroupDocument>().Get("all")!.Opened);
        Assert.Empty(rig.Operations.Parked());
    }

    [Fact]
    public void An_index_without_an_order_is_found_before_anything_runs()
    {
        var view = View.Named("odd")
            .Of(Cases.Aggregate)
            .PerEntity()
            .Document<CaseDocument>(Apply)
            .Index(new ViewIndex<CaseDocument, Uri>("address", _ => new Uri("http://a")));
        Assert.Contains(
            TopologyCheck.Problems(Cases.Topology.Add(view)),
            problem => problem.Contains("\"address\"", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Crashes_before_a_commit_neither_lose_nor_double_an_event()
    {
        var random = new Random(3);
        await using var calm = new Rig(Cases.Topology.Add(OpenCases).Add(Groups), partitions: 4);
        await using var wild = new Rig(Cases.Topology.Add(OpenCases).Add(Groups), partitions: 4, maxBatch: 5);
        wild.Crashes = () => random.Next(3) == 0;
        for (var i = 0; i < 300; i++)
        {
            CaseEvent e =
                i % 5 == 4 ? new Closed()
                : i % 5 == 0 ? new Opened("s", $"g{i % 7}", 1)
                : new Moved(i);
            calm.Event($"{i % 40}", e, i);
            wild.Event($"{i % 40}", e, i);
        }
        calm.Settle();
        wild.Settle();
        Assert.Equal(calm.View<CaseDocument>().All(), wild.View<CaseDocument>().All());
        Assert.Equal(calm.View<CaseDocument>().Range(ByLevel), wild.View<CaseDocument>().Range(ByLevel));
        Assert.Equal(calm.View<GroupDocument>().All(), wild.View<GroupDocument>().All());
    }
}
