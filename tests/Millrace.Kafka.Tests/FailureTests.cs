using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Millrace.Engines;
using Millrace.Parcels;
using Millrace.TestServers;
using Xunit;
using static Millrace.Parcels.ParcelCommand;

namespace Millrace.Kafka.Tests;

/// <summary>What goes wrong with a broker: said clearly, nothing lost, gone on with as soon as it can be.</summary>
public sealed class FailureTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly string Commands = new Application(PostOffice.Topology, 4).Commands(Parcel.Definition).Name;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [Theory]
    [InlineData(3, "", "", "has 3 partitions, and the application asks for 4")]
    [InlineData(4, "retention.ms", "60000", "has retention.ms=60000 and needs retention.ms=-1")]
    [InlineData(4, "cleanup.policy", "compact", "has cleanup.policy=compact and needs cleanup.policy=delete")]
    [InlineData(4, "max.message.bytes", "1000000", "has max.message.bytes=1000000, less than Millrace:Kafka:MaxRecordBytes=67108864")]
    public async Task A_topic_that_cannot_keep_the_promises_is_refused_with_what_differs(
        int partitions,
        string setting,
        string value,
        string said
    )
    {
        var broker = await KafkaBroker.SharedAsync();
        var prefix = KafkaBroker.NewPrefix("refused");
        using var admin = Admin(broker);
        var settings = new Dictionary<string, string> { ["retention.ms"] = "-1", ["max.message.bytes"] = "100000000" };
        if (setting.Length > 0)
        {
            settings[setting] = value;
        }
        await admin.CreateTopicsAsync([
            new TopicSpecification
            {
                Name = prefix + Commands,
                NumPartitions = partitions,
                Configs = settings,
            },
        ]);
        await using var office = new Office(broker.Bootstrap, prefix);

        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => office.StartAsync());

        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
        Assert.Contains(Commands, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broker_that_is_not_there_fails_the_start()
    {
        await using var office = new Office("127.0.0.1:1", KafkaBroker.NewPrefix("nobody"));

        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => office.StartAsync().WaitAsync(Limit, None));

        Assert.Contains("127.0.0.1:1", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Is it running", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_too_large_says_whose_it_is_and_what_to_set_and_the_rest_goes_on()
    {
        var broker = await KafkaBroker.SharedAsync();
        await using var office = await new Office(
            broker.Bootstrap,
            KafkaBroker.NewPrefix("large"),
            settings: [new("Millrace:Kafka:MaxRecordBytes", "1000000")]
        ).StartAsync();
        await office.Source.CommitAsync(rows => rows.Insert("parcels", 1, "town", "new", null)).WaitAsync(Limit, None);

        var refused = await Assert.ThrowsAsync<EngineException>(() =>
            office.Commands.Send("1", new Reroute(new string('x', 2_000_000)), new SendOptions(), None).WaitAsync(Limit, None)
        );

        Assert.Contains("'1'", refused.Message, StringComparison.Ordinal);
        Assert.Contains(Commands, refused.Message, StringComparison.Ordinal);
        Assert.Contains("Millrace:Kafka:MaxRecordBytes", refused.Message, StringComparison.Ordinal);
        var answer = await office.Commands.Send("1", new Reroute("on"), new SendOptions(), None).WaitAsync(Limit, None);
        Assert.Null(answer.Rejected);

        _ = office.Source.CommitAsync(rows => rows.Insert("parcels", 2, "town", "new", new string('x', 20_000_000)));
        await Eventually.Get(() => Faults(office), said => said.Contains("A record of '2' with", StringComparison.Ordinal));
    }

    private static string Faults(Office office)
    {
        var status = office.Runtime.Status();
        return string.Join(
            '\n',
            [
                .. status.Sources.Select(source => $"{source.Fault} {source.Status?.Problem}"),
                .. status.Loops.Select(loop => loop.Fault),
                .. office.Log.Lines.TakeLast(5),
            ]
        );
    }

    private static IAdminClient Admin(KafkaBroker broker) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = broker.Bootstrap }).Build();
}
