using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Millrace.Harness;

/// <summary>
/// The ticket aggregate on a Kafka broker, the commands already on their topic, the broker on the same machine: each contender in turn, in a
/// process of its own, exactly once. All are measured the same way, from outside: by the offsets that their group commits.
/// </summary>
internal static class KafkaRun
{
    /// <summary>Who takes part: a group that goes through a topic of commands and publishes to a topic of events.</summary>
    private sealed record Contender(string Name, string Group, string Commands, string Events, ProcessStartInfo Start);

    public static async Task RunAsync(string folder, int commands, int entities)
    {
        await using var broker = await KafkaServer.StartAsync(Path.Combine(folder, "broker"));
        var watch = Stopwatch.StartNew();
        using (var load = Process.Start(StreamsPeer.Load(broker, "peer-commands", commands, entities))!)
        {
            await load.WaitForExitAsync();
            Require(load, "the loading of the commands");
        }
        Console.WriteLine($"loaded {commands:N0} commands in {watch.Elapsed.TotalSeconds:F1} s; Kafka {broker.Home}");

        List<Contender> contenders = [];
        foreach (var threads in (int[])[1, 2])
        {
            foreach (var commit in (int[])[100, 1_000])
            {
                var id = $"streams-{threads}-{commit}";
                contenders.Add(
                    new Contender(
                        $"Kafka Streams, {threads} thread{(threads == 1 ? "" : "s")}, commit {commit} ms",
                        id,
                        "peer-commands",
                        id + "-events",
                        StreamsPeer.Run(broker, "peer-commands", id + "-events", id, Path.Combine(folder, id), threads, commit)
                    )
                );
            }
        }

        Console.WriteLine($"{"", -40} {"commands/s", 10} {"seconds", 8} {"client CPU", 10} {"broker CPU", 10} {"events", 10}");
        long? events = null;
        foreach (var contender in contenders)
        {
            var published = await MeasureAsync(broker, contender, commands);
            events ??= published;
            if (published != events)
            {
                throw new InvalidOperationException(
                    $"{contender.Name} published {published} events and {contenders[0].Name} {events}: they did not do the same work"
                );
            }
        }
    }

    /// <summary>
    /// Commands a second between the first commit that is seen and the last; the seconds and those of processor count from the start of the
    /// process. Returns the events that a reader of committed records finds.
    /// </summary>
    private static async Task<long> MeasureAsync(KafkaServer broker, Contender contender, int commands)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = broker.Bootstrap }).Build();
        using var reader = new CommittedReader(broker.Bootstrap);
        var ends = reader.Ends(admin, contender.Commands);
        var total = ends.Values.Sum(end => end.Value);
        var brokerBefore = broker.ProcessorTime();
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(contender.Start)!;
        (double Seconds, long Offsets) first = default;
        var last = 0.0;
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (last == 0)
        {
            await pause.WaitForNextTickAsync();
            if (process.HasExited)
            {
                Require(process, contender.Name);
                throw new InvalidOperationException($"{contender.Name} ended before the commands did");
            }
            var committed = await CommittedAsync(admin, contender.Group, ends.Keys);
            var done = committed.Sum(offset => Math.Min(offset.Value, ends[offset.Key].Value));
            if (done > 0 && first.Offsets == 0)
            {
                first = (watch.Elapsed.TotalSeconds, done);
            }
            if (done == total)
            {
                last = watch.Elapsed.TotalSeconds;
            }
        }
        var client = process.TotalProcessorTime;
        var served = broker.ProcessorTime() - brokerBefore;
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        Require(process, contender.Name);
        var events = reader.Count(admin, contender.Events);
        var rate = commands * ((double)(total - first.Offsets) / total) / (last - first.Seconds);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{contender.Name, -40} {rate, 10:F0} {last, 8:F1} {client.TotalSeconds, 10:F1} {served?.TotalSeconds, 10:F1} {events, 10}"
            )
        );

        // The next contender finds the broker as this one did.
        var own = admin.GetMetadata(TimeSpan.FromSeconds(30)).Topics.Select(topic => topic.Topic);
        await admin.DeleteTopicsAsync(own.Where(topic => topic.StartsWith(contender.Group + "-", StringComparison.Ordinal)));
        return events;
    }

    private static async Task<Dictionary<TopicPartition, long>> CommittedAsync(
        IAdminClient admin,
        string group,
        IEnumerable<TopicPartition> partitions
    )
    {
        try
        {
            var found = await admin.ListConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitions(group, [.. partitions])]);
            return found[0]
                .Partitions.Where(offset => offset.Offset.Value > 0)
                .ToDictionary(offset => offset.TopicPartition, offset => offset.Offset.Value);
        }
        // Before the group is there.
        catch (ListConsumerGroupOffsetsException e)
            when (e.Results.All(result => result.Error.Code is ErrorCode.NoError or ErrorCode.GroupIdNotFound))
        {
            return [];
        }
        catch (KafkaException e)
            when (e.Error.Code
                    is ErrorCode.GroupIdNotFound
                        or ErrorCode.NotCoordinatorForGroup
                        or ErrorCode.GroupCoordinatorNotAvailable
                        or ErrorCode.GroupLoadInProgress
            )
        {
            return [];
        }
    }

    private static void Require(Process process, string what)
    {
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{what} ended with exit code {process.ExitCode}");
        }
    }

    /// <summary>What a reader of committed records sees.</summary>
    private sealed class CommittedReader(string bootstrap) : IDisposable
    {
        private readonly IConsumer<Ignore, Ignore> consumer = new ConsumerBuilder<Ignore, Ignore>(
            new ConsumerConfig
            {
                BootstrapServers = bootstrap,
                GroupId = "harness",
                EnableAutoCommit = false,
                AutoOffsetReset = AutoOffsetReset.Earliest,
                IsolationLevel = IsolationLevel.ReadCommitted,
                EnablePartitionEof = true,
            }
        ).Build();

        /// <summary>The offset behind the last record of each partition. The end itself lies further where transactions left their markers.</summary>
        public Dictionary<TopicPartition, Offset> Ends(IAdminClient admin, string topic)
        {
            var ends = new Dictionary<TopicPartition, Offset>();
            Read(
                Partitions(admin, topic)
                    .Select(partition => new TopicPartitionOffset(
                        partition,
                        Math.Max(0, consumer.QueryWatermarkOffsets(partition, TimeSpan.FromSeconds(30)).High.Value - 100)
                    )),
                record => ends[record.TopicPartition] = record.Offset + 1
            );
            return ends;
        }

        public long Count(IAdminClient admin, string topic)
        {
            var count = 0L;
            Read(Partitions(admin, topic).Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)), _ => count++);
            return count;
        }

        public void Dispose() => consumer.Dispose();

        private static IEnumerable<TopicPartition> Partitions(IAdminClient admin, string topic) =>
            admin
                .GetMetadata(topic, TimeSpan.FromSeconds(30))
                .Topics[0]
                .Partitions.Select(partition => new TopicPartition(topic, partition.PartitionId));

        private void Read(IEnumerable<TopicPartitionOffset> from, Action<ConsumeResult<Ignore, Ignore>> each)
        {
            var open = from.ToDictionary(start => start.TopicPartition, start => start.Offset);
            consumer.Assign(open.Select(start => new TopicPartitionOffset(start.Key, start.Value)));
            while (open.Count > 0)
            {
                var record =
                    consumer.Consume(TimeSpan.FromSeconds(60)) ?? throw new TimeoutException("The broker gave no record for 60 s.");
                if (record.IsPartitionEOF)
                {
                    open.Remove(record.TopicPartition);
                }
                else
                {
                    each(record);
                }
            }
            consumer.Unassign();
        }
    }
}
