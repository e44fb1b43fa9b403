using Confluent.Kafka;
using Millrace.Engines;
using Millrace.Engines.Contract;
using Millrace.TestServers;
using Xunit;

namespace Millrace.Kafka.Tests;

/// <summary>A real broker, shared by all tests, each with a prefix of its own.</summary>
internal sealed class KafkaWorld : RealWorld
{
    private readonly KafkaOptions _options;
    private readonly IConsumer<byte[], byte[]> _committed;
    private readonly IConsumer<byte[], byte[]> _all;
    private KafkaEngine _engine;

    private KafkaWorld(KafkaOptions options)
    {
        _options = options;
        _engine = KafkaEngine.Open(options);
        _committed = Asker(options, IsolationLevel.ReadCommitted);
        _all = Asker(options, IsolationLevel.ReadUncommitted);
    }

    public override IEngine Engine => _engine;

    public override bool IsDense => false;

    /// <summary>Each commit is several round trips to a broker that shares the machine with every other test.</summary>
    protected override TimeSpan Deadline => TimeSpan.FromMinutes(4);

    public override async Task Restart()
    {
        await _engine.DisposeAsync();
        _engine = KafkaEngine.Open(_options);
    }

    /// <summary>The broker writes the marks of a commit to each partition after it has answered; until then readers stop before it.</summary>
    protected override void Quiet(Millrace.Engines.TopicPartition source)
    {
        var place = new Confluent.Kafka.TopicPartition(_options.Prefix + source.Topic.Name, new Partition(source.Partition));
        var patience = TimeSpan.FromSeconds(30);
        var end = Logs.Watermarks.Ask(_all, place);
        Assert.True(SpinWait.SpinUntil(() => Logs.Watermarks.Ask(_committed, place) >= end, patience), $"{place} is not settled");
    }

    public static async Task Run(Func<World, Task> test)
    {
        var broker = await KafkaBroker.SharedAsync();
        using var folder = new TemporaryFolder();
        var options = new KafkaOptions
        {
            BootstrapServers = broker.Bootstrap,
            Folder = folder.Path,
            Prefix = KafkaBroker.NewPrefix("contract"),
            SessionTimeout = TimeSpan.FromSeconds(6),
        };
        var world = new KafkaWorld(options);
        try
        {
            await test(world);
        }
        finally
        {
            await world.Engine.DisposeAsync();
            world._committed.Dispose();
            world._all.Dispose();
        }
    }

    private static IConsumer<byte[], byte[]> Asker(KafkaOptions options, IsolationLevel isolation) =>
        new ConsumerBuilder<byte[], byte[]>(
            new ConsumerConfig
            {
                BootstrapServers = options.BootstrapServers,
                GroupId = options.Prefix + "quiet",
                IsolationLevel = isolation,
            }
        ).Build();
}

public sealed class KafkaLogTests : LogContract
{
    protected override Task Run(Func<World, Task> test) => KafkaWorld.Run(test);
}

public sealed class KafkaStateTests : StateContract
{
    protected override Task Run(Func<World, Task> test) => KafkaWorld.Run(test);
}

public sealed class KafkaProcessingTests : ProcessingContract
{
    protected override Task Run(Func<World, Task> test) => KafkaWorld.Run(test);
}

public sealed class KafkaRestartTests : RestartContract
{
    protected override Task Run(Func<World, Task> test) => KafkaWorld.Run(test);
}
