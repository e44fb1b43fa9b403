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
    /// <param name="Name">What it is called in the table.</param>
    /// <param name="Group">The group whose commits are measured.</param>
    /// <param name="Commands">The topic it reads.</param>
    /// <param name="Events">The topic it publishes to, made by it.</param>
    /// <param name="Own">What the names of further topics of its own begin with.</param>
    /// <param name="Start">How its process is started.</param>
    private sealed record Contender(string Name, string Group, string Commands, string Events, string Own, ProcessStartInfo Start);

    /// <summary>What was seen of one run of a contender.</summary>
    private readonly record struct Seen(double Rate, long Events);

    public static async Task RunAsync(string folder, int commands, int entities, int rounds, string only)
    {
        await using var broker = await KafkaServer.StartAsync(Path.Combine(folder, "broker"));
        var watch = Stopwatch.StartNew();
        using (var load = Process.Start(StreamsPeer.Load(broker, "peer-commands", commands, entities))!)
        {
            await load.WaitForExitAsync();
            Require(load, "the loading of the commands");
        }
        await KafkaDecide.LoadAsync(broker.Bootstrap, Path.Combine(folder, "load"), commands, entities);
        Console.WriteLine($"loaded {commands:N0} commands for each in {watch.Elapsed.TotalSeconds:F1} s; Kafka {broker.Home}");

        Console.WriteLine($"{"", -40} {"commands/s", 10} {"seconds", 8} {"client CPU", 10} {"broker CPU", 10} {"events", 10} {"load", 6}");
        var rates = new Dictionary<string, List<double>>();
        long? events = null;
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var contender in Contenders(broker, folder, round).Where(contender => contender.Name.Contains(only)))
            {
                var seen = await MeasureAsync(broker, contender, commands);
                events ??= seen.Events;
                if (seen.Events != events)
                {
                    throw new InvalidOperationException(
                        $"{contender.Name} published {seen.Events} events and another {events}: they did not do the same work"
                    );
                }
                if (!rates.TryGetValue(contender.Name, out var own))
                {
                    rates.Add(contender.Name, own = []);
                }
                own.Add(seen.Rate);
            }
        }
        Report(rates);
    }

    private static List<Contender> Contenders(KafkaServer broker, string folder, int round)
    {
        List<Contender> contenders = [];
        foreach (var threads in (int[])[1, 2])
        {
            var words = $"{threads} thread{(threads == 1 ? "" : "s")}";
            foreach (var commit in (int[])[100, 1_000])
            {
                var id = $"streams-{threads}-{commit}-{round}";
                contenders.Add(
                    new Contender(
                        $"Kafka Streams, {words}, commit {commit} ms",
                        id,
                        "peer-commands",
                        id + "-events",
                        id + "-",
                        StreamsPeer.Run(broker, "peer-commands", id + "-events", id, Path.Combine(folder, id), threads, commit)
                    )
                );
            }
            var group = $"millrace-{threads}-{round}";
            contenders.Add(
                new Contender(
                    $"Millrace, {words}",
                    KafkaDecide.Prefix + group,
                    KafkaDecide.Commands,
                    KafkaDecide.Events,
                    KafkaDecide.Prefix + group + ".",
                    KafkaDecide.Start(broker.Bootstrap, group, Path.Combine(folder, group), threads)
                )
            );
        }
        return contenders;
    }

    /// <summary>The smallest, the middle and the largest of each, and of ours over each peer of as many threads in the same round.</summary>
    private static void Report(Dictionary<string, List<double>> rates)
    {
        foreach (var (name, own) in rates)
        {
            Console.WriteLine($"{name, -40} {Spread(own, "F0")} commands/s");
        }
        foreach (var (name, own) in rates.Where(contender => contender.Key.StartsWith("Millrace", StringComparison.Ordinal)))
        {
            var threads = name.Split(", ")[1];
            foreach (
                var (peer, theirs) in rates.Where(contender =>
                    contender.Key.StartsWith($"Kafka Streams, {threads}", StringComparison.Ordinal)
                )
            )
            {
                Console.WriteLine($"{name} over {peer}: {Spread([.. own.Zip(theirs, (ours, other) => ours / other)], "F2")}");
            }
        }
    }

    private static string Spread(List<double> values, string format)
    {
        double[] sorted = [.. values.Order()];
        return string.Join(
            " / ",
            ((double[])[sorted[0], sorted[sorted.Length / 2], sorted[^1]]).Select(value =>
                value.ToString(format, CultureInfo.InvariantCulture)
            )
        );
    }

    /// <summary>
    /// Commands a second between the first commit that is seen and the last; the seconds and those of processor count from the start of the
    /// process. Returns the events that a reader of committed records finds.
    /// </summary>
    private static async Task<Seen> MeasureAsync(KafkaServer broker, Contender contender, int commands)
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
                $"{contender.Name, -40} {rate, 10:F0} {last, 8:F1} {client.TotalSeconds, 10:F1} {served?.TotalSeconds, 10:F1} {events, 10} {Load(), 6}"
            )
        );

        // The next contender finds the broker as this one did.
        var own = admin
            .GetMetadata(TimeSpan.FromSeconds(30))
            .Topics.Select(topic => topic.Topic)
            .Where(topic => topic == contender.Events || topic.StartsWith(contender.Own, StringComparison.Ordinal));
        await admin.DeleteTopicsAsync(own);
        return new Seen(rate, events);
    }

    /// <summary>How many processes wanted the machine in the last minute, where /proc tells.</summary>
    private static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "";

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
        private readonly IConsumer<byte[], Ignore> consumer = new ConsumerBuilder<byte[], Ignore>(
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

        /// <summary>The events; a record of nobody is none, but one of the runtime's own.</summary>
        public long Count(IAdminClient admin, string topic)
        {
            var count = 0L;
            Read(
                Partitions(admin, topic).Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)),
                record => count += record.Message.Key is { Length: > 0 } ? 1 : 0
            );
            return count;
        }

        public void Dispose() => consumer.Dispose();

        private static IEnumerable<TopicPartition> Partitions(IAdminClient admin, string topic) =>
            admin
                .GetMetadata(topic, TimeSpan.FromSeconds(30))
                .Topics[0]
                .Partitions.Select(partition => new TopicPartition(topic, partition.PartitionId));

        private void Read(IEnumerable<TopicPartitionOffset> from, Action<ConsumeResult<byte[], Ignore>> each)
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
