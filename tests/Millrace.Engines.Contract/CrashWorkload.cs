using System.Globalization;

namespace Millrace.Engines.Contract;

/// <summary>
/// Work that can be killed at any moment, and the check of what it left. A feed appends numbered records and keeps the next number as
/// its state; a group folds them into outputs that name everything before them; another, of durable input, stands for effects.
/// </summary>
public sealed class CrashWorkload(int seed)
{
    private const int Keys = 37;

    public static readonly Topic Input = new("crash.in", 3);
    public static readonly Topic Output = new("crash.out", 3);

    private readonly Random _random = new(seed);

    /// <summary>How many in a thousand calls of a processor fail.</summary>
    public int FaultsPerMille { get; init; }

    /// <summary>How large records may be, in bytes.</summary>
    public int Padding { get; init; } = 100;

    /// <summary>Feeds until stopped.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="acknowledged">Told the next number whenever a durable commit returned.</param>
    /// <param name="commits">How many commits at most.</param>
    /// <param name="stop">Stops it.</param>
    public async Task Feed(IEngine engine, Action<long> acknowledged, int commits, CancellationToken stop)
    {
        await using var appender = engine.OpenAppender("crash.feed");
        for (var commit = 0; commit < commits && !stop.IsCancellationRequested; commit++)
        {
            var transaction = appender.Begin();
            var next = Next(transaction);
            for (var more = _random.Next(1, 8); more > 0; more--, next++)
            {
                var value = Text.Of($"{next} {new string('x', _random.Next(Padding))}");
                transaction.Append(new(Input, (int)(next % Input.Partitions)), next, Text.Of($"key {next % 5}"), default, value);
            }
            transaction.Put("next"u8, Text.Of($"{next}"));
            if (_random.Next(10) == 0)
            {
                // Dropped: begins again from what is committed.
                await Task.Yield();
                continue;
            }
            var durable = _random.Next(8) == 0;
            await appender.CommitAsync(transaction, durable, stop);
            if (durable)
            {
                acknowledged(next);
            }
        }
    }

    /// <summary>The groups to run.</summary>
    /// <param name="seen">Told the partition and offset of each output an effect has seen.</param>
    /// <param name="faulted">Told of faults.</param>
    public ProcessorGroup[] Groups(Action<int, long> seen, Action<Exception> faulted) =>
        [
            new ProcessorGroup
            {
                Name = "crash.fold",
                Inputs = [Input],
                MaxBatch = 1 + _random.Next(20),
                Faulted = (_, e) => faulted(e),
                Create = partition => Handler.Yielding((batch, transaction) => Fold(partition, batch, transaction)),
            },
            new ProcessorGroup
            {
                Name = "crash.effects",
                Inputs = [Output],
                DurableInput = true,
                Faulted = (_, e) => faulted(e),
                Create = partition =>
                    Handler.Of(
                        (batch, _) =>
                        {
                            if (!batch.Records.IsEmpty)
                            {
                                seen(partition, batch.Records.Span[^1].Offset);
                            }
                        }
                    ),
            },
        ];

    private void Fold(int partition, RecordBatch batch, ITransaction transaction)
    {
        foreach (var record in batch.Records.Span)
        {
            var number = long.Parse(Text.From(record.Value.Span).Split(' ')[0], CultureInfo.InvariantCulture);
            var hash = Mix(transaction.TryGet("hash"u8, out var stored) ? ulong.Parse(Text.From(stored)) : 0, number);
            transaction.Put("hash"u8, Text.Of($"{hash}"));
            if (number % 4 == 0)
            {
                transaction.Delete(Key(number * 7));
            }
            transaction.Put(Key(number), Text.Of($"{number}"));
            using var lowest = transaction.Range("k/"u8, "k0"u8);
            lowest.MoveNext();
            var first = Text.From(lowest.Key);
            lowest.Dispose();
            using var highest = transaction.Range("k/"u8, "k0"u8, descending: true);
            highest.MoveNext();
            transaction.Append(
                new(Output, partition),
                record.Time,
                record.Key.Span,
                default,
                Text.Of($"{number} {hash} {first} {Text.From(highest.Key)}")
            );
        }
        if (FaultsPerMille > 0 && _random.Next(1000) < FaultsPerMille)
        {
            throw new InvalidOperationException("a fault of the workload");
        }
    }

    /// <summary>Whether everything fed has been folded.</summary>
    public static bool IsSettled(World world) =>
        Enumerable.Range(0, Input.Partitions).Sum(p => world.Handled("crash.fold", new(Input, p)))
        == Next(world.Engine.OpenState("crash.feed", 0));

    /// <summary>Checks that what is left is what some prefix of the work would have left, and nothing of what was promised is missing.</summary>
    public static void Audit(World world, long acknowledged, ReadOnlySpan<long> seen)
    {
        var next = Next(world.Engine.OpenState("crash.feed", 0));
        Assert.True(next >= acknowledged, $"{acknowledged} was acknowledged as durable and only {next} is left");
        for (var p = 0; p < Input.Partitions; p++)
        {
            var inputs = world.ReadAll(new(Input, p));
            var numbers = inputs.ConvertAll(i => long.Parse(i.Value.Split(' ')[0], CultureInfo.InvariantCulture));
            var fed = Enumerable
                .Range(0, (int)((next + Input.Partitions - 1 - p) / Input.Partitions))
                .Select(i => (long)(i * Input.Partitions + p));
            Assert.True(fed.SequenceEqual(numbers), $"{next} were fed; partition {p} has {string.Join(' ', numbers)}");
            var position = world.Handled("crash.fold", new(Input, p));
            Assert.InRange(position, 0, inputs.Count);
            var outputs = world.ReadAll(new(Output, p));
            Assert.Equal(position, outputs.Count);
            var keys = new SortedDictionary<string, string>(StringComparer.Ordinal);
            var hash = 0UL;
            for (var i = 0; i < position; i++)
            {
                hash = Mix(hash, numbers[i]);
                if (numbers[i] % 4 == 0)
                {
                    keys.Remove(Text.From(Key(numbers[i] * 7)));
                }
                keys[Text.From(Key(numbers[i]))] = $"{numbers[i]}";
                Assert.Equal($"{numbers[i]} {hash} {keys.Keys.First()} {keys.Keys.Last()}", outputs[i].Value);
                Assert.Equal(inputs[i].Time, outputs[i].Time);
                Assert.Equal(i, outputs[i].Offset);
            }
            var state = world.Engine.OpenState("crash.fold", p);
            Assert.Equal(position > 0, state.TryGet("hash"u8, out var stored));
            Assert.Equal(position > 0 ? $"{hash}" : "", Text.From(stored));
            var left = new List<KeyValuePair<string, string>>();
            using (var cursor = state.Range("k/"u8, "k0"u8))
            {
                while (cursor.MoveNext())
                {
                    left.Add(new(Text.From(cursor.Key), Text.From(cursor.Value)));
                }
            }
            Assert.Equal(keys, left);
            Assert.True(
                seen[p] < 0 || world.Has(new(Output, p), seen[p]),
                $"an effect has seen output {seen[p]} of partition {p} and only {outputs.Count} are left"
            );
            Assert.InRange(world.Handled("crash.effects", new(Output, p)), 0, outputs.Count);
        }
    }

    private static long Next(IStateReader state) => state.TryGet("next"u8, out var next) ? long.Parse(Text.From(next)) : 0;

    private static byte[] Key(long number) => Text.Of($"k/{number % Keys:00}");

    private static ulong Mix(ulong hash, long number) => (hash ^ (ulong)number) * 1099511628211 + 17;
}
