using System.Diagnostics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Millrace.TestServers;

public class KafkaBrokerTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_shared_broker_takes_transactions_and_makes_no_topic_by_itself()
    {
        var broker = await KafkaBroker.SharedAsync();
        Assert.Same(broker, await KafkaBroker.SharedAsync());
        var prefix = KafkaBroker.NewPrefix();
        Assert.NotEqual(prefix, KafkaBroker.NewPrefix());
        using var admin = Admin(broker);
        await admin.CreateTopicsAsync([new TopicSpecification { Name = prefix + "a", NumPartitions = 1 }]);
        using (var producer = Producer(Config(broker, prefix + "writer")))
        {
            producer.InitTransactions(Patience);
            producer.BeginTransaction();
            producer.Produce(prefix + "a", new Message<Null, string> { Value = "aborted" });
            producer.AbortTransaction(Patience);
            producer.BeginTransaction();
            producer.Produce(prefix + "a", new Message<Null, string> { Value = "committed" });
            producer.CommitTransaction(Patience);
        }

        Assert.Equal(["committed"], Read(broker, prefix + "a", 1));
        using var unknown = Producer(Config(broker, null));
        var refused = await Assert.ThrowsAsync<ProduceException<Null, string>>(() =>
            unknown.ProduceAsync(prefix + "never-made", new Message<Null, string> { Value = "" }, Cancelled)
        );
        Assert.Contains(refused.Error.Code, new[] { ErrorCode.UnknownTopicOrPart, ErrorCode.Local_UnknownTopic });
    }

    [Fact]
    public async Task A_private_broker_goes_on_with_its_data_after_a_restart_a_kill_and_a_pause()
    {
        await using var broker = await KafkaBroker.StartAsync(1, "message.max.bytes=2000000");
        using var admin = Admin(broker);
        await admin.CreateTopicsAsync([new TopicSpecification { Name = "a", NumPartitions = 1 }]);
        using var producer = Producer(Config(broker, null));
        await producer.ProduceAsync("a", new Message<Null, string> { Value = new string('1', 1_500_000) }, Cancelled);

        Assert.True(Answers(broker));

        await broker.RestartAsync();
        await producer.ProduceAsync("a", new Message<Null, string> { Value = "2" }, Cancelled);
        await broker.KillAsync();
        Assert.False(Answers(broker));
        await broker.ResumeAsync();
        await producer.ProduceAsync("a", new Message<Null, string> { Value = "3" }, Cancelled);
        await broker.PauseAsync();
        Assert.False(Answers(broker));
        await broker.ContinueAsync();
        await producer.ProduceAsync("a", new Message<Null, string> { Value = "4" }, Cancelled);

        Assert.Equal([new string('1', 1_500_000), "2", "3", "4"], Read(broker, "a", 4));
    }

    [Fact]
    public async Task Three_brokers_take_transactions_while_one_of_them_is_down_and_stop_when_two_are()
    {
        await using var cluster = await KafkaBroker.StartAsync(3);
        using var admin = Admin(cluster);
        Assert.Equal(3, admin.GetMetadata(Patience).Brokers.Count);
        await admin.CreateTopicsAsync([new TopicSpecification { Name = "a", NumPartitions = 3 }]);
        Assert.All(admin.GetMetadata("a", Patience).Topics[0].Partitions, partition => Assert.Equal(3, partition.Replicas.Length));
        using var producer = Producer(Config(cluster, "writer"));
        producer.InitTransactions(Patience);

        Write("1");
        await cluster.KillAsync(2);
        Write("2");
        await cluster.ResumeAsync(2);
        await cluster.KillAsync(1);
        Write("3");
        Assert.Equal(["1", "2", "3"], Read(cluster, "a", 3));

        await cluster.StopAsync(2);
        using var lonely = Producer(new ProducerConfig(Config(cluster, null)) { MessageTimeoutMs = 3_000 });
        await Assert.ThrowsAsync<ProduceException<Null, string>>(() =>
            lonely.ProduceAsync("a", new Message<Null, string> { Value = "no" }, Cancelled)
        );

        void Write(string value)
        {
            producer.BeginTransaction();
            producer.Produce("a", new Message<Null, string> { Value = value });
            producer.CommitTransaction(Patience);
        }
    }

    [Theory]
    [InlineData("6")]
    [InlineData("0")]
    public async Task A_broker_that_does_not_exist_is_refused_by_name(string node)
    {
        var (exitCode, errors) = await RunAsync(["kill", Directory.CreateTempSubdirectory("millrace-").FullName, "--node", node]);

        Assert.Equal(1, exitCode);
        Assert.Contains($"there is no broker {node}", errors);
    }

    [Theory]
    [InlineData("KAFKA_HOME", "/nonexistent", "KAFKA_HOME is /nonexistent, which has no libs/kafka-clients-*.jar")]
    [InlineData("JAVA_HOME", "/nonexistent", "JAVA_HOME is /nonexistent, which has no bin/java")]
    public async Task A_wrong_name_of_a_folder_is_said_and_nothing_else_is_tried(string variable, string value, string message)
    {
        var (exitCode, errors) = await RunAsync(["install"], (variable, value));

        Assert.Equal(1, exitCode);
        Assert.Contains(message, errors);
    }

    [Fact]
    public async Task A_download_with_another_checksum_than_its_publisher_says_is_not_used()
    {
        // A curl of our own stands in for the publisher; no docker answers.
        var folder = Directory.CreateTempSubdirectory("millrace-").FullName;
        Tool("docker", "exit 1");
        Tool("podman", "exit 1");
        Tool(
            "curl",
            "case \"$*\" in *.sha512) echo \"kafka_2.13-0.0.0.tgz: AB CD\" ;; *) while [ \"$1\" != -o ]; do shift; done; echo wrong >\"$2\" ;; esac"
        );
        var cache = Directory.CreateDirectory(Path.Combine(folder, "cache")).FullName;
        var (exitCode, errors) = await RunAsync(
            ["install"],
            ("KAFKA_HOME", ""),
            ("PATH", $"{folder}:{Environment.GetEnvironmentVariable("PATH")}"),
            ("XDG_CACHE_HOME", cache),
            ("MILLRACE_KAFKA_VERSION", "0.0.0")
        );

        Assert.Equal(1, exitCode);
        Assert.Contains("its publisher says abcd", errors);
        Assert.Empty(Directory.GetFiles(cache, "*.tgz", SearchOption.AllDirectories));

        void Tool(string name, string body)
        {
            var path = Path.Combine(folder, name);
            File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
            using var chmod = Process.Start("chmod", ["+x", path]);
            chmod.WaitForExit();
        }
    }

    private static async Task<(int ExitCode, string Errors)> RunAsync(string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(Repository.Root, "eng", "kafka"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(Cancelled);
        await process.StandardOutput.ReadToEndAsync(Cancelled);
        await process.WaitForExitAsync(Cancelled);
        return (process.ExitCode, await errors);
    }

    private static IAdminClient Admin(KafkaBroker broker) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = broker.Bootstrap }).SetLogHandler((_, _) => { }).Build();

    private static bool Answers(KafkaBroker broker)
    {
        using var admin = Admin(broker);
        try
        {
            return admin.GetMetadata(TimeSpan.FromSeconds(1)).Brokers.Count > 0;
        }
        catch (KafkaException e)
            when (e.Error.Code is ErrorCode.Local_Transport or ErrorCode.Local_TimedOut or ErrorCode.Local_AllBrokersDown)
        {
            return false;
        }
    }

    private static IProducer<Null, string> Producer(ProducerConfig config) =>
        new ProducerBuilder<Null, string>(config).SetLogHandler((_, _) => { }).Build();

    private static ProducerConfig Config(KafkaBroker broker, string? transactionalId)
    {
        var config = new ProducerConfig
        {
            BootstrapServers = broker.Bootstrap,
            Acks = Acks.All,
            MessageMaxBytes = 2_000_000,
        };
        if (transactionalId is not null)
        {
            config.TransactionalId = transactionalId;
        }
        return config;
    }

    /// <summary>What a reader of committed records sees, once there are this many; more than that shows as well.</summary>
    private static List<string> Read(KafkaBroker broker, string topic, int count)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = broker.Bootstrap,
            GroupId = KafkaBroker.NewPrefix(),
            AutoOffsetReset = AutoOffsetReset.Earliest,
            IsolationLevel = IsolationLevel.ReadCommitted,
            EnablePartitionEof = true,
            SessionTimeoutMs = 6_000,
        };
        using var consumer = new ConsumerBuilder<Ignore, string>(config).SetLogHandler((_, _) => { }).Build();
        consumer.Subscribe(topic);
        var seen = new List<(long Time, string Value)>();
        var ends = new HashSet<int>();
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Patience && (seen.Count < count || ends.Count < consumer.Assignment.Count); )
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is not { } result)
            {
                continue;
            }
            if (result.IsPartitionEOF)
            {
                ends.Add(result.Partition);
            }
            else
            {
                seen.Add((result.Message.Timestamp.UnixTimestampMs, result.Message.Value));
            }
        }
        consumer.Close();
        return [.. seen.OrderBy(record => record.Time).Select(record => record.Value)];
    }
}
