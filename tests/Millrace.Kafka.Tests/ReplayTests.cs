using Confluent.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Parcels;
using Millrace.TestServers;
using Xunit;
using static Millrace.Parcels.ParcelCommand;

namespace Millrace.Kafka.Tests;

public sealed class ReplayTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_replay_reads_the_topics_beside_the_process_that_writes_them_and_leaves_no_trace()
    {
        var bootstrap = (await KafkaBroker.SharedAsync()).Bootstrap;
        var prefix = KafkaBroker.NewPrefix("replay");
        await using var office = await new Office(bootstrap, prefix).StartAsync();
        var ids = Enumerable.Range(1, 40).ToList();
        foreach (var id in ids)
        {
            await office.Source.CommitAsync(rows => rows.Insert("parcels", id, $"town {id}", "new", null));
            await office.Source.CommitAsync(rows => rows.Insert("scans", id, id, $"hub {id % 3}"));
            await office.Commands.Send($"{id}", new Reroute($"elsewhere {id}"), new SendOptions(), None);
        }
        await Eventually.Get(() => office.Runtime.Status().Partitions.Sum(p => p.Lag), lag => lag == 0);
        var before = OnTheBroker(bootstrap, prefix);

        var same = await DiffAsync(PostOffice.Topology, bootstrap, prefix);
        Assert.Equal((120, 0), (same.Commands, same.Tally.Differences));
        Assert.Equal(40, same.Tally.Types[(ComparedLog.Events, "parcel", "parcel-rerouted")].Same);

        var mute = await DiffAsync(PostOffice.Mute, bootstrap, prefix);
        Assert.Equal(
            ids.Select(id => $"{id}").Order(),
            mute.Tally.Types[(ComparedLog.Events, "parcel", "parcel-scanned")].Entities.Order()
        );
        Assert.Equal(40, mute.Tally.Differences);

        Assert.Equal(before, OnTheBroker(bootstrap, prefix));
    }

    private static async Task<ReplayResult> DiffAsync(Topology build, string bootstrap, string prefix)
    {
        // The next build's host, which is never started.
        await using var next = new Office(bootstrap, prefix, build);
        var data = next.Host.Services.GetRequiredService<RecordedData>();
        await using var reader = data.Open();
        var run = ReplayRun.Of(build, new MillraceOptions(), reader, data.Scratch, next.Host.Services);
        return await new ReplayDiff(run, new ReplaySelection(), null, 1, 2).RunAsync(None);
    }

    private static List<string> OnTheBroker(string bootstrap, string prefix)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        return
        [
            .. admin
                .GetMetadata(TimeSpan.FromSeconds(30))
                .Topics.Select(topic => $"topic {topic.Topic}")
                .Concat(admin.ListGroups(TimeSpan.FromSeconds(30)).Select(group => $"group {group.Group}"))
                .Where(name => name.Contains(prefix, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal),
        ];
    }
}
