using System.Text;

namespace Millrace.Engines.Contract;

public abstract class StateContract : EngineContract
{
    [Fact]
    public Task A_transaction_reads_its_own_writes_and_deletes() =>
        Run(async world =>
        {
            await using var appender = world.Engine.OpenAppender("a");
            var first = appender.Begin();
            first.Put("kept"u8, "1"u8);
            first.Put("changed"u8, "1"u8);
            first.Put("deleted"u8, "1"u8);
            first.Put("empty"u8, ""u8);
            Assert.Equal("1", Get(first, "kept"));
            await appender.CommitAsync(first, durable: false, CancellationToken.None);

            var second = appender.Begin();
            second.Put("changed"u8, "a longer value than before"u8);
            second.Delete("deleted"u8);
            second.Delete("never there"u8);
            second.Put("again"u8, "x"u8);
            second.Delete("again"u8);
            second.Put("again"u8, "2"u8);
            Assert.Equal("1", Get(second, "kept"));
            Assert.Equal("a longer value than before", Get(second, "changed"));
            Assert.Null(Get(second, "deleted"));
            Assert.Equal("", Get(second, "empty"));
            Assert.Equal("2", Get(second, "again"));
            Assert.Equal("1", Get(world.Engine.OpenState("a", 0), "deleted"));
            await appender.CommitAsync(second, durable: false, CancellationToken.None);

            var state = world.Engine.OpenState("a", 0);
            Assert.Null(Get(state, "deleted"));
            Assert.Equal("a longer value than before", Get(state, "changed"));
            Assert.Equal("2", Get(state, "again"));
        });

    [Fact]
    public Task Ranges_merge_what_is_committed_and_what_is_not_in_both_directions() =>
        Run(async world =>
        {
            var random = new Random(11);
            var committed = new SortedDictionary<byte[], string>(Comparer<byte[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y)));
            await using var appender = world.Engine.OpenAppender("a");
            await using var neighbour = world.Engine.OpenAppender("b");
            for (var round = 0; round < 12; round++)
            {
                var transaction = appender.Begin();
                var expected = new SortedDictionary<byte[], string>(committed, committed.Comparer);
                var noise = neighbour.Begin();
                for (var i = 0; i < 40; i++)
                {
                    var key = Key(random);
                    if (random.Next(4) == 0)
                    {
                        transaction.Delete(key);
                        expected.Remove(key);
                    }
                    else
                    {
                        var value = $"{round}.{i}";
                        transaction.Put(key, Text.Of(value));
                        expected[key] = value;
                    }
                    noise.Put(Key(random), "noise"u8);
                    if (i % 8 == 0)
                    {
                        Compare(random, transaction, expected);
                        Compare(random, world.Engine.OpenState("a", 0), committed);
                    }
                }
                await neighbour.CommitAsync(noise, durable: false, CancellationToken.None);
                if (round % 3 != 2)
                {
                    await appender.CommitAsync(transaction, durable: round % 2 == 0, CancellationToken.None);
                    committed = expected;
                }
                Compare(random, world.Engine.OpenState("a", 0), committed);
            }

            static byte[] Key(Random random)
            {
                // Short keys over few letters, so that they meet; also the extremes of byte order.
                var key = new byte[random.Next(0, 4)];
                for (var i = 0; i < key.Length; i++)
                {
                    key[i] = new byte[] { 0, 1, (byte)'a', 0xFE, 0xFF }[random.Next(5)];
                }
                return key;
            }

            static void Compare(Random random, IStateReader state, SortedDictionary<byte[], string> expected)
            {
                var from = random.Next(3) == 0 ? [] : Key(random);
                var to = random.Next(3) == 0 ? [] : Key(random);
                var descending = random.Next(2) == 0;
                var inside = expected
                    .Where(e => e.Key.AsSpan().SequenceCompareTo(from) >= 0 && (to.Length == 0 || e.Key.AsSpan().SequenceCompareTo(to) < 0))
                    .Select(e => (Convert.ToHexString(e.Key), e.Value));
                var found = new List<(string, string)>();
                using (var cursor = state.Range(from, to, descending))
                {
                    while (cursor.MoveNext())
                    {
                        found.Add((Convert.ToHexString(cursor.Key), Text.From(cursor.Value)));
                    }
                    Assert.False(cursor.MoveNext());
                }
                Assert.Equal(descending ? inside.Reverse() : inside, found);
            }
        });

    [Fact]
    public Task A_long_range_is_walked_to_its_end_and_can_be_left_early() =>
        Run(async world =>
        {
            await using var appender = world.Engine.OpenAppender("a");
            var transaction = appender.Begin();
            for (var i = 0; i < 1000; i += 2)
            {
                transaction.Put(Text.Of($"row/{i:0000}"), Text.Of($"{i}"));
            }
            await appender.CommitAsync(transaction, durable: false, CancellationToken.None);
            transaction = appender.Begin();
            for (var i = 1; i < 1000; i += 2)
            {
                transaction.Put(Text.Of($"row/{i:0000}"), Text.Of($"{i}"));
            }
            Assert.Equal(Numbers(0, 1000), Walk(transaction, false, int.MaxValue));
            Assert.Equal(Numbers(0, 1000).Reverse(), Walk(transaction, true, int.MaxValue));
            Assert.Equal(Numbers(0, 3), Walk(transaction, false, 3));
            Assert.Equal(["999", "998"], Walk(transaction, true, 2));

            static List<string> Walk(IStateReader state, bool descending, int most)
            {
                var values = new List<string>();
                using var cursor = state.Range("row/"u8, "row0"u8, descending);
                while (values.Count < most && cursor.MoveNext())
                {
                    values.Add(Text.From(cursor.Value));
                }
                return values;
            }
        });

    [Fact]
    public Task Two_ranges_of_one_transaction_can_be_walked_at_once() =>
        Run(async world =>
        {
            await using var appender = world.Engine.OpenAppender("a");
            var transaction = appender.Begin();
            for (var i = 0; i < 30; i++)
            {
                transaction.Put(Text.Of($"{i:00}"), Text.Of($"{i}"));
            }
            await appender.CommitAsync(transaction, durable: false, CancellationToken.None);
            transaction = appender.Begin();
            transaction.Put("15"u8, "new"u8);
            var pairs = new StringBuilder();
            using var up = transaction.Range("10"u8, "20"u8);
            using var down = transaction.Range("10"u8, "20"u8, descending: true);
            while (up.MoveNext() && down.MoveNext())
            {
                pairs.Append(Text.From(up.Value)).Append('-').Append(Text.From(down.Value)).Append(' ');
            }
            Assert.Equal("10-19 11-18 12-17 13-16 14-new new-14 16-13 17-12 18-11 19-10 ", pairs.ToString());
        });

    [Fact]
    public Task Each_partition_of_a_group_has_a_state_of_its_own() =>
        With(
            [In, Out],
            async world =>
            {
                for (var p = 0; p < 3; p++)
                {
                    await world.Append(P(In, p), Numbers(0, p + 1));
                }
                await world.While(
                    [Handler.Group("counts", [In], Copy)],
                    () =>
                        world.Until(
                            () => Enumerable.Range(0, 3).All(p => Get(world.Engine.OpenState("counts", p), "count") == $"{p + 1}"),
                            "all counted"
                        )
                );
                Assert.Null(Get(world.Engine.OpenState("counts", 3), "count"));
                Assert.Null(Get(world.Engine.OpenState("other", 0), "count"));
            }
        );
}
