using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Millrace.Engines;

namespace Millrace.Harness;

/// <summary>
/// The embedded engine by itself: for each command read from the log, one state value of about 250 B is read and written and one record
/// of about 250 B appended. What is left to the runtime is the difference to the aggregate run.
/// </summary>
internal static class EngineRun
{
    private const int Partitions = 4;
    private static readonly Topic Commands = new("commands", Partitions);
    private static readonly Topic Events = new("events", Partitions);

    public static async Task ThroughputAsync(string folder, int commands, int entities)
    {
        await using var engine = EmbeddedEngine.Open(new EmbeddedOptions { Folder = folder });
        await engine.CreateTopicsAsync([Commands, Events], CancellationToken.None);
        var watch = Stopwatch.StartNew();
        await LoadAsync(engine, commands, entities);
        Console.WriteLine($"loaded {commands:N0} commands in {watch.Elapsed.TotalSeconds:F1} s");
        using var stop = new CancellationTokenSource();
        var done = new CountdownEvent(Partitions);
        var group = new ProcessorGroup
        {
            Name = "aggregate",
            Inputs = [Commands],
            Create = partition => new Aggregate(partition, engine.Read(new(Commands, partition), 0).End, done),
            Faulted = (partition, e) => Console.WriteLine($"{partition}: {e}"),
        };
        GC.Collect();
        var allocated = GC.GetTotalAllocatedBytes();
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        watch.Restart();
        var running = engine.RunAsync(group, stop.Token);
        done.Wait();
        var seconds = watch.Elapsed.TotalSeconds;
        process.Refresh();
        cpu = process.TotalProcessorTime - cpu;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        await stop.CancelAsync();
        await running;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"commands {commands} entities {entities} partitions {Partitions}: {commands / seconds:F0} commands/s, {seconds:F2} s, {cpu.TotalSeconds:F1} s of processor, {allocated / (double)commands:F1} B allocated a command"
            )
        );
    }

    /// <summary>From before an append to the processor's call, one at a time; and from an append to its durable acknowledgement.</summary>
    public static async Task LatencyAsync(string folder, int count)
    {
        await using var engine = EmbeddedEngine.Open(new EmbeddedOptions { Folder = folder });
        await engine.CreateTopicsAsync([Commands, Events], CancellationToken.None);
        using var stop = new CancellationTokenSource();
        using var called = new SemaphoreSlim(0);
        long calledAt = 0;
        var group = new ProcessorGroup
        {
            Name = "latency",
            Inputs = [Commands],
            Create = _ => new Listener(() =>
            {
                calledAt = Stopwatch.GetTimestamp();
                called.Release();
            }),
            Faulted = (partition, e) => Console.WriteLine($"{partition}: {e}"),
        };
        var running = engine.RunAsync(group, stop.Token);
        await using var appender = engine.OpenAppender("feed");
        var calls = new double[count];
        var syncs = new double[count];
        for (var i = 0; i < count; i++)
        {
            await Task.Delay(2);
            var begun = Stopwatch.GetTimestamp();
            var transaction = appender.Begin();
            transaction.Append(new(Commands, i % Partitions), 0, "key"u8, default, new byte[250]);
            await appender.CommitAsync(transaction, durable: false, CancellationToken.None);
            await called.WaitAsync();
            calls[i] = Stopwatch.GetElapsedTime(begun, calledAt).TotalMilliseconds;
            begun = Stopwatch.GetTimestamp();
            transaction = appender.Begin();
            transaction.Put("position"u8, "1"u8);
            await appender.CommitAsync(transaction, durable: true, CancellationToken.None);
            syncs[i] = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }
        await stop.CancelAsync();
        await running;
        Report("append to processor call", calls);
        Report("durable commit", syncs);

        static void Report(string what, double[] times)
        {
            Array.Sort(times);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{what}: p50 {times[times.Length / 2]:F3} ms, p99 {times[times.Length * 99 / 100]:F3} ms, max {times[^1]:F3} ms"
                )
            );
        }
    }

    private static async Task LoadAsync(EmbeddedEngine engine, int commands, int entities)
    {
        await using var appender = engine.OpenAppender("feed");
        var random = new Random(42);
        var key = new byte[8];
        var value = new byte[250];
        for (var i = 0; i < commands; )
        {
            var transaction = appender.Begin();
            for (var batch = 0; batch < 4000 && i < commands; batch++, i++)
            {
                var id = random.Next(entities);
                BinaryPrimitives.WriteInt64BigEndian(key, id);
                value.AsSpan().Fill((byte)('a' + i % 26));
                transaction.Append(new(Commands, id % Partitions), i, key, default, value);
            }
            await appender.CommitAsync(transaction, durable: false, CancellationToken.None);
        }
    }

    private sealed class Aggregate(int partition, long end, CountdownEvent done) : IProcessor
    {
        private readonly TopicPartition _events = new(Events, partition);
        private readonly byte[] _state = new byte[250];
        private long _next;

        public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
        {
            foreach (ref readonly var record in batch.Records.Span)
            {
                var version = transaction.TryGet(record.Key.Span, out var state) ? BinaryPrimitives.ReadInt64LittleEndian(state) : 0;
                record.Value.Span.CopyTo(_state);
                BinaryPrimitives.WriteInt64LittleEndian(_state, version + 1);
                transaction.Put(record.Key.Span, _state);
                transaction.Append(_events, record.Time, record.Key.Span, default, _state);
                _next = record.Offset + 1;
            }
            return default;
        }

        public void Committed()
        {
            if (_next == end)
            {
                done.Signal();
            }
        }

        public ValueTask DisposeAsync() => default;
    }

    private sealed class Listener(Action called) : IProcessor
    {
        public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
        {
            if (!batch.Records.IsEmpty)
            {
                called();
            }
            return default;
        }

        public void Committed() { }

        public ValueTask DisposeAsync() => default;
    }
}
