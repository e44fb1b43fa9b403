using System.Globalization;
using System.Text;
using Millrace.Engines;
using Millrace.Engines.Contract;
using Record = Millrace.Engines.Record;

namespace Millrace.Kafka.Tests.Chaos;

/// <summary>
/// A source, a fold and a view of it, as small as they can be and still show everything that can go wrong: the source's changes are numbered, each
/// belongs to an entity, and what the fold says of a change depends on every change before it.
/// </summary>
internal sealed class Workload(KafkaEngine engine, long changes, int perSecond, Action<string> say)
{
    public const int Partitions = 8;
    public const int Entities = 499;
    public const string Source = "chaos.source";
    public const string Fold = "chaos.fold";
    public const string View = "chaos.view";

    public static readonly Topic Input = new("chaos.in", Partitions);
    public static readonly Topic Output = new("chaos.out", Partitions);

    public static int EntityOf(long change) => (int)((ulong)change * 2654435761UL % Entities);

    public static int PartitionOf(int entity) => entity % Partitions;

    /// <summary>Works until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        await engine.CreateTopicsAsync([Input, Output], stop);
        await Task.WhenAll(
            engine.RunAsync(Group(Fold, Input, FoldOne), stop),
            engine.RunAsync(Group(View, Output, Count), stop),
            CaptureAsync(stop)
        );
    }

    private ProcessorGroup Group(string name, Topic input, Action<Record, int, ITransaction> handle) =>
        new()
        {
            Name = name,
            Inputs = [input],
            Faulted = (partition, e) => say($"fault {name}[{partition}] {e}"),
            Released = partition => say($"released {name}[{partition}]"),
            Create = partition =>
                Handler.Of(
                    (batch, transaction) =>
                    {
                        foreach (var record in batch.Records.Span)
                        {
                            handle(record, partition, transaction);
                        }
                    }
                ),
        };

    private async Task CaptureAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await engine.RunAsOwnerAsync(Source, Work, stop);
                return;
            }
            catch (EngineException e)
            {
                say($"source {e.Message}");
                await Task.Delay(200, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested) { }
        }
    }

    private async Task Work(CancellationToken stop)
    {
        say("owner");
        await using var appender = engine.OpenAppender(Source);
        while (true)
        {
            var transaction = appender.Begin();
            var next = transaction.TryGet("next"u8, out var stored) ? Number(stored) : 0;
            if (next >= changes)
            {
                return;
            }
            for (var left = Math.Max(1, perSecond / 20); left > 0 && next < changes; left--, next++)
            {
                var entity = EntityOf(next);
                transaction.Append(new(Input, PartitionOf(entity)), next + 1, Bytes($"{entity}"), default, Bytes($"{next}"));
            }
            transaction.Put("next"u8, Bytes($"{next}"));
            await appender.CommitAsync(transaction, durable: true, stop);
            await Task.Delay(50, stop);
        }
    }

    private static void FoldOne(Record record, int partition, ITransaction transaction)
    {
        var key = Bytes($"e/{Encoding.UTF8.GetString(record.Key.Span)}");
        var change = Number(record.Value.Span);
        var (count, hash) = (0L, 17UL);
        if (transaction.TryGet(key, out var stored))
        {
            var parts = Encoding.UTF8.GetString(stored).Split(' ');
            (count, hash) = (long.Parse(parts[0], CultureInfo.InvariantCulture), ulong.Parse(parts[1], CultureInfo.InvariantCulture));
        }
        count++;
        hash = (hash ^ (ulong)change) * 1099511628211;
        transaction.Put(key, Bytes($"{count} {hash}"));
        if (hash % 3 == 0)
        {
            transaction.Put(Bytes($"third/{Encoding.UTF8.GetString(record.Key.Span)}"), Bytes($"{change}"));
        }
        else
        {
            transaction.Delete(Bytes($"third/{Encoding.UTF8.GetString(record.Key.Span)}"));
        }
        transaction.Append(new(Output, partition), record.Time, record.Key.Span, default, Bytes($"{change} {count} {hash}"));
    }

    private static void Count(Record record, int partition, ITransaction transaction)
    {
        var key = Bytes($"v/{Encoding.UTF8.GetString(record.Key.Span)}");
        var count = transaction.TryGet(key, out var stored) ? Number(stored) : 0;
        transaction.Put(key, Bytes($"{count + 1}"));
    }

    private static long Number(ReadOnlySpan<byte> text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
