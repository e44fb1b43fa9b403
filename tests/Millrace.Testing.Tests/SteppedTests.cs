using Millrace.Engines;
using Millrace.Engines.Contract;

namespace Millrace.Testing.Tests;

public sealed class SteppedTests
{
    private static readonly Topic Input = new("in", 2);
    private static readonly Topic Output = new("out", 2);

    private readonly StandingClock _clock = new();

    [Fact]
    public async Task Settling_handles_everything_on_the_calling_thread_before_it_returns()
    {
        await using var engine = await Engine();
        var threads = new HashSet<int>();
        var first = Handler.Group(
            "first",
            [Input],
            p =>
                Handler.Of(
                    (batch, transaction) =>
                    {
                        threads.Add(Environment.CurrentManagedThreadId);
                        foreach (var record in batch.Records.Span)
                        {
                            transaction.Append(new(Output, 1 - p), record.Time, record.Key.Span, default, record.Value.Span);
                        }
                    }
                )
        );
        var seen = new List<string>();
        var second = Handler.Group(
            "second",
            [Output],
            p =>
                Handler.Of(
                    (batch, _) =>
                    {
                        foreach (var record in batch.Records.Span)
                        {
                            seen.Add($"{p} {Text.From(record.Value.Span)}");
                        }
                    }
                )
        );
        await Append(engine, 0, "a", "b");
        await Append(engine, 1, "c");
        engine.Settle(second, first);
        Assert.Equal(["0 c", "1 a", "1 b"], seen);
        Assert.Equal([Environment.CurrentManagedThreadId], threads);
        Assert.False(engine.Step(first) | engine.Step(second));
        await Append(engine, 0, "d");
        engine.Settle(second, first);
        Assert.Equal("1 d", seen[^1]);
    }

    [Fact]
    public async Task A_call_asked_for_is_made_when_its_time_has_come_and_not_before()
    {
        await using var engine = await Engine();
        var calls = 0;
        var group = Handler.Group(
            "timer",
            [Input],
            p => new Handler
            {
                OnProcess = (_, _, _) =>
                {
                    calls += p == 0 ? 1 : 0;
                    return new(p == 0 ? new Progress(WakeAfter: TimeSpan.FromMinutes(30)) : default);
                },
            }
        );
        engine.Settle(group);
        Assert.Equal(1, calls);
        Assert.Equal(TimeSpan.FromMinutes(30), engine.UntilWake(group));
        _clock.Now += TimeSpan.FromMinutes(29);
        engine.Settle(group);
        Assert.Equal(1, calls);
        Assert.Equal(TimeSpan.FromMinutes(1), engine.UntilWake(group));
        _clock.Now += TimeSpan.FromMinutes(1);
        engine.Settle(group);
        Assert.Equal(2, calls);
    }

    [Fact]
    public async Task What_a_processor_throws_is_reported_and_thrown_and_its_writes_are_dropped()
    {
        await using var engine = await Engine();
        var faults = new List<string>();
        var fail = true;
        var group = new ProcessorGroup
        {
            Name = "g",
            Inputs = [Input],
            Faulted = (partition, e) => faults.Add($"{partition} {e.Message}"),
            Create = p =>
                Handler.Of(
                    (batch, transaction) =>
                    {
                        foreach (var record in batch.Records.Span)
                        {
                            transaction.Append(new(Output, p), record.Time, record.Key.Span, default, record.Value.Span);
                        }
                        if (fail && !batch.Records.IsEmpty)
                        {
                            throw new FormatException("no");
                        }
                    }
                ),
        };
        await Append(engine, 1, "a");
        Assert.Throws<FormatException>(() => engine.Settle(group));
        Assert.Equal(["1 no"], faults);
        Assert.Equal(0, engine.Read(new(Output, 1), 0).End);
        fail = false;
        engine.Settle(group);
        Assert.Equal(1, engine.Read(new(Output, 1), 0).End);
    }

    [Fact]
    public async Task A_processor_that_does_not_complete_synchronously_cannot_be_stepped()
    {
        await using var engine = await Engine();
        var group = Handler.Group(
            "g",
            [Input],
            _ => new Handler { OnProcess = (_, _, _) => new(new TaskCompletionSource<Progress>().Task) }
        );
        Assert.Contains("'g'", Assert.Throws<InvalidOperationException>(() => engine.Step(group)).Message);
    }

    private async Task<InMemoryEngine> Engine()
    {
        var engine = new InMemoryEngine(_clock);
        await engine.CreateTopicsAsync([Input, Output], CancellationToken.None);
        return engine;
    }

    private static async Task Append(InMemoryEngine engine, int partition, params string[] values)
    {
        await using var appender = engine.OpenAppender("feed");
        var transaction = appender.Begin();
        foreach (var value in values)
        {
            transaction.Append(new(Input, partition), 0, default, default, Text.Of(value));
        }
        await appender.CommitAsync(transaction, durable: false, CancellationToken.None);
    }

    private sealed class StandingClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.UtcTicks;
    }
}
