using Millrace.Parcels;
using Millrace.TestServers;
using Xunit;
using static Millrace.Parcels.ParcelCommand;

namespace Millrace.Kafka.Tests;

/// <summary>Two hosts of one application on one broker. Half of the partitions are each one's; the source is read by one of them.</summary>
public sealed class TwoProcessTests(TwoProcessTests.Pair pair) : IClassFixture<TwoProcessTests.Pair>
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly Offices offices = pair.Offices;

    [Fact]
    public async Task Commands_views_and_the_feed_work_through_either_process()
    {
        var ids = Enumerable.Range(100, 24).ToList();
        using var over = new CancellationTokenSource();
        var feeds = offices.Both.ConvertAll(office => Collect(office.View.Watch(over.Token)));
        await offices.Insert(ids, "new");
        foreach (var id in ids)
        {
            foreach (var (sender, reader) in ((Office, Office)[])[(offices.First, offices.Second), (offices.Second, offices.First)])
            {
                var place = $"{id} by {(sender == offices.First ? "first" : "second")}";
                var answer = await sender.Commands.Send($"{id}", new Reroute(place), new SendOptions(), None).WaitAsync(Limit, None);
                Assert.Null(answer.Rejected);

                Assert.Equal(place, (await reader.View.Get($"{id}", answer.Position, None).AsTask().WaitAsync(Limit, None))?.Place);
                Assert.Equal(place, (await sender.View.Get($"{id}", answer.Position, None).AsTask().WaitAsync(Limit, None))?.Place);
            }
        }
        foreach (var office in offices.Both)
        {
            Assert.Equal(ids.Select(id => $"{id}"), office.View.All().Select(parcel => parcel.Key).Where(Mine).Order());
            Assert.Equal(24, office.View.Range(Board.ByPlace).Count(parcel => Mine(parcel.Key)));
        }
        foreach (var feed in feeds)
        {
            // Each change once, in order for each parcel: sent, then rerouted by the first and by the second.
            var seen = await Eventually.Get(() => Copy(feed).Where(change => Mine(change.Key)).ToList(), seen => seen.Count >= 72);
            Assert.Equal(72, seen.Count);
            Assert.All(
                seen.GroupBy(change => change.Key),
                of => Assert.Equal([$"town {of.Key}", $"{of.Key} by first", $"{of.Key} by second"], of.Select(c => c.Document!.Place))
            );
        }
        await over.CancelAsync();

        bool Mine(string key) => key[0] == '1';
    }

    [Fact]
    public async Task Timers_fire_and_the_source_is_seen_where_it_is_not_read()
    {
        var ids = Enumerable.Range(200, 24).ToList();
        await offices.Insert(ids, "new");

        // Due at once, as soon as the source's watermark has passed; the process that has the partition may be the other one.
        await Eventually.Get(
            () => offices.Both.SelectMany(office => office.Alerts).Where(Mine).Distinct().Order(),
            told => told.SequenceEqual(ids.Select(id => $"Parcel {id} is late"))
        );
        Assert.All(offices.Both, office => Assert.Contains(office.Alerts, Mine));
        foreach (var office in offices.Both)
        {
            await Eventually.Get(
                () => office.Runtime.Status().Sources[0].Status,
                status =>
                    status is { Connected: true, LagMicroseconds: 0 } && status.Position == $"told.000001:{offices.Reader.Source.Offset}"
            );
        }

        bool Mine(string alert) => alert.StartsWith("Parcel 2", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_and_an_operators_deed_reach_the_process_that_has_the_partition()
    {
        var ids = Enumerable.Range(300, 24).ToList();
        Parcel.Cursed = true;
        await offices.Insert(ids, "cursed");
        foreach (var office in offices.Both)
        {
            var held = await Eventually.Get(
                () => string.Join('\n', office.Runtime.Held().Select(entity => $"{entity.Entity} {entity.Reason}").Order()),
                held => held.Split('\n').Length == 24
            );
            Assert.All(held.Split('\n'), reason => Assert.Contains("curse", reason, StringComparison.Ordinal));
        }
        Parcel.Cursed = false;
        // Some from the process that has the partition, some from the other.
        foreach (var id in ids)
        {
            var office = id % 2 == 0 ? offices.First : offices.Second;
            await office.Runtime.Operator.RetryAsync("parcel", $"{id}", null, "the curse is lifted", "test");
        }
        foreach (var office in offices.Both)
        {
            await Eventually.Get(() => office.Runtime.Held().Count(), count => count == 0);
            await Eventually.Get(() => office.View.All().Count(parcel => parcel.Key[0] == '3'), count => count == 24);
        }

        offices.Second.Change("Millrace:Promises:BusyAbove", "0");
        await Eventually.Get(
            () => offices.Second.Log.Lines,
            lines => lines.Any(line => line.Contains("settings Promises changed", StringComparison.Ordinal))
        );
        await offices.Reader.Source.CommitAsync(rows =>
        {
            foreach (var id in ids)
            {
                rows.Insert("scans", 1000 + id, id, $"hub {id}");
            }
        });
        await Eventually.Get(
            () => offices.Both.SelectMany(office => office.Alerts).Where(text => text.Contains("hub", StringComparison.Ordinal)).Distinct(),
            texts => texts.Count() == 24
        );
        Assert.All(
            offices.Both,
            office => Assert.Contains(office.Alerts, text => text.StartsWith("1 parcels within an hour in hub", StringComparison.Ordinal))
        );
    }

    [Fact]
    public async Task The_second_process_goes_on_where_the_first_stops()
    {
        await using var own = await Offices.OpenAsync();
        await own.Insert(Enumerable.Range(1, 24), "new");
        var (goes, stays) = own.Reader == own.First ? (own.First, own.Second) : (own.Second, own.First);
        stays.Source.Offset = goes.Source.Offset;

        await goes.StopAsync().WaitAsync(Limit, None);

        await Eventually.Get(() => stays.Source.Runs, runs => runs);
        await Eventually.Get(() => stays.Decides, count => count == 4);
        await stays.Source.CommitAsync(rows => rows.Insert("parcels", 100, "town 100", "new", null)).WaitAsync(Limit, None);
        var answer = await stays.Commands.Send("100", new Reroute("elsewhere"), new SendOptions(), None).WaitAsync(Limit, None);
        Assert.Equal("elsewhere", (await stays.View.Get("100", answer.Position, None).AsTask().WaitAsync(Limit, None))?.Place);
        Assert.Equal(25, stays.View.All().Count());
    }

    [Fact]
    public async Task A_deploy_with_another_topology_is_refused_before_it_takes_a_partition()
    {
        var before = offices.Both.ConvertAll(Moves);
        var busy = Reaction
            .Named("hub-busy")
            .Of(Parcel.Definition)
            .KeyedBy((ParcelEvent.Delivered e) => "all")
            .Settings<Promises>()
            .Sliding(TimeSpan.FromHours(1))
            .MoreThan(_ => 1, (count, context) => new Alert($"{count}"));
        var other = Topology
            .Named("post")
            .Json(ParcelJson.Default)
            .Add(Parcel.Definition)
            .Add(Board.Definition)
            .Add(Promised.Lost)
            .Add(busy);

        await using var late = new Office((await KafkaBroker.SharedAsync()).Bootstrap, offices.Prefix, other, partitions: 8);
        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => late.StartAsync());

        Assert.Contains("partitions", refused.Message, StringComparison.Ordinal);
        Assert.Contains("hub-busy", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, offices.Both.ConvertAll(Moves));
        await offices.Insert([400], "new");
        Assert.Null((await offices.First.Commands.Send("400", new Reroute("on"), new SendOptions(), None).WaitAsync(Limit, None)).Rejected);
    }

    /// <summary>How often a process has given up partitions.</summary>
    private static int Moves(Office office) =>
        office.Log.Lines.Count(line => line.Contains("gives up the partitions", StringComparison.Ordinal));

    private static TimeSpan Limit => TimeSpan.FromSeconds(60);

    private static List<Keyed<Whereabouts>> Collect(IAsyncEnumerable<Keyed<Whereabouts>> feed)
    {
        var seen = new List<Keyed<Whereabouts>>();
        _ = Task.Run(async () =>
        {
            await foreach (var change in feed)
            {
                lock (seen)
                {
                    seen.Add(change);
                }
            }
        });
        return seen;
    }

    private static List<Keyed<Whereabouts>> Copy(List<Keyed<Whereabouts>> seen)
    {
        lock (seen)
        {
            return [.. seen];
        }
    }

    /// <summary>Two that the tests share, each with parcels of its own.</summary>
    public sealed class Pair : IAsyncLifetime
    {
        internal Offices Offices { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Offices = await Offices.OpenAsync();

        public async ValueTask DisposeAsync() => await Offices.DisposeAsync();
    }

    /// <summary>The two, with the partitions shared out.</summary>
    internal sealed class Offices(Office first, Office second, string prefix) : IAsyncDisposable
    {
        public Office First => first;

        public Office Second => second;

        public string Prefix => prefix;

        public List<Office> Both => [first, second];

        /// <summary>The one that reads the source.</summary>
        public Office Reader => Both.Single(office => office.Source.Runs);

        public static async Task<Offices> OpenAsync()
        {
            var broker = await KafkaBroker.SharedAsync();
            var prefix = KafkaBroker.NewPrefix("post");
            var offices = new Offices(
                await new Office(broker.Bootstrap, prefix).StartAsync(),
                await new Office(broker.Bootstrap, prefix).StartAsync(),
                prefix
            );
            await Eventually.Get(() => offices.First.Decides == 2 && offices.Second.Decides == 2, shared => shared);
            await Eventually.Get(() => offices.Both.Count(office => office.Source.Runs), readers => readers == 1);
            return offices;
        }

        public Task Insert(IEnumerable<int> ids, string status) =>
            Reader
                .Source.CommitAsync(rows =>
                {
                    foreach (var id in ids)
                    {
                        rows.Insert("parcels", id, $"town {id}", status, null);
                    }
                })
                .WaitAsync(Limit, None);

        public async ValueTask DisposeAsync()
        {
            await first.DisposeAsync();
            await second.DisposeAsync();
        }
    }
}
