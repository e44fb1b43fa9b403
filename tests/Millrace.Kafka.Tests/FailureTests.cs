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

    [Fact]
    public async Task A_frozen_broker_costs_time_and_nothing_else()
    {
        await using var broker = await KafkaBroker.StartAsync();
        var prefix = KafkaBroker.NewPrefix("hard");
        await using var office = await new Office(broker.Bootstrap, prefix).StartAsync();
        await Insert(office, 1, 40).WaitAsync(Limit, None);

        await broker.PauseAsync();
        var during = Insert(office, 41, 40);
        var options = new SendOptions { IdempotencyKey = "once" };
        var asked = office.Commands.Send("1", new Reroute("after the frost"), options, None);
        using (var frost = new PeriodicTimer(TimeSpan.FromSeconds(20)))
        {
            // Longer than a session and than a transaction may take.
            await frost.WaitForNextTickAsync(None);
        }
        await broker.ContinueAsync();
        await during.WaitAsync(Limit, None);
        try
        {
            Assert.Null((await asked.WaitAsync(Limit, None)).Rejected);
        }
        catch (EngineException e)
        {
            // It waited for longer than a transaction may take, and was not written.
            Assert.Contains(Commands, e.Message, StringComparison.Ordinal);
            Assert.Null((await office.Commands.Send("1", new Reroute("after the frost"), options, None).WaitAsync(Limit, None)).Rejected);
        }
        await Eventually.Get(() => office.View.All().Count(), count => count == 80);

        // Each once, whatever happened in between.
        var sent = Sent(office);
        Assert.Equal(Enumerable.Range(1, 80).Select(id => $"{id}").Order(), sent.Order());
    }

    /// <summary>The account may not write the events any more, and then may again.</summary>
    [Fact]
    public async Task A_right_taken_away_is_named_with_its_topic_and_given_back_it_goes_on()
    {
        await using var broker = await KafkaBroker.StartAsync(
            1,
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found=true"
        );
        var prefix = KafkaBroker.NewPrefix("rights");
        await using var office = await new Office(broker.Bootstrap, prefix).StartAsync();
        await Insert(office, 1, 4).WaitAsync(Limit, None);
        var events = prefix + office.Runtime.Application.Events(Parcel.Definition).Name;
        using var admin = Admin(broker);
        var deny = new AclBinding
        {
            Pattern = new ResourcePattern
            {
                Type = ResourceType.Topic,
                Name = events,
                ResourcePatternType = ResourcePatternType.Literal,
            },
            Entry = new AccessControlEntry
            {
                Principal = "User:ANONYMOUS",
                Host = "*",
                Operation = AclOperation.Write,
                PermissionType = AclPermissionType.Deny,
            },
        };
        var others = new AclBinding
        {
            Pattern = deny.Pattern,
            Entry = new AccessControlEntry
            {
                Principal = "User:ANONYMOUS",
                Host = "*",
                Operation = AclOperation.All,
                PermissionType = AclPermissionType.Allow,
            },
        };
        await admin.CreateAclsAsync([others, deny]);

        await Insert(office, 5, 4).WaitAsync(Limit, None);
        var said = await Eventually.Get(() => Faults(office), said => said.Contains("authorization", StringComparison.OrdinalIgnoreCase));
        Assert.Contains(events, said, StringComparison.Ordinal);

        await admin.DeleteAclsAsync([deny.ToFilter()]);
        await Eventually.Get(() => office.View.All().Count(), count => count == 8);
        Assert.Equal(Enumerable.Range(1, 8).Select(id => $"{id}"), Sent(office).Order());
    }

    /// <summary>Somebody deletes the event log under a running process.</summary>
    [Fact]
    public async Task A_deleted_topic_is_named_and_not_made_again()
    {
        var broker = await KafkaBroker.SharedAsync();
        var prefix = KafkaBroker.NewPrefix("deleted");
        await using var office = await new Office(broker.Bootstrap, prefix).StartAsync();
        await Insert(office, 1, 4).WaitAsync(Limit, None);
        await Eventually.Get(() => office.View.All().Count(), count => count == 4);
        var events = prefix + office.Runtime.Application.Events(Parcel.Definition).Name;
        using var admin = Admin(broker);

        await admin.DeleteTopicsAsync([events]);
        await Insert(office, 5, 4).WaitAsync(Limit, None);

        var said = await Eventually.Get(() => Faults(office), said => said.Contains(events, StringComparison.Ordinal));
        Assert.DoesNotContain(admin.GetMetadata(TimeSpan.FromSeconds(20)).Topics, topic => topic.Topic == events);
        Assert.Equal(4, office.View.All().Count());
    }

    /// <summary>The parcels of every parcel-sent in the event log.</summary>
    private static List<string> Sent(Office office)
    {
        var sent = new List<string>();
        var events = office.Runtime.Application.Events(Parcel.Definition);
        for (var partition = 0; partition < events.Partitions; partition++)
        {
            using var reader = office.Runtime.Engine.Read(new Millrace.Engines.TopicPartition(events, partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    if (new RecordHeaders(record.Headers.Span)[Millrace.Engines.Header.Type].SequenceEqual("parcel-sent"u8))
                    {
                        sent.Add(System.Text.Encoding.UTF8.GetString(record.Key.Span));
                    }
                }
            }
        }
        return sent;
    }

    private static async Task Insert(Office office, int from, int count)
    {
        for (var id = from; id < from + count; id++)
        {
            var row = id;
            await office.Source.CommitAsync(rows => rows.Insert("parcels", row, $"town {row}", "new", null));
        }
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
