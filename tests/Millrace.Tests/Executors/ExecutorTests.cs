using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Engines;
using Millrace.Tests.Flow;
using static Millrace.Tests.Flow.CaseEvent;

namespace Millrace.Tests.Executors;

/// <summary>Executors on a running engine: reactions' intents come in as a log.</summary>
public class ExecutorTests
{
    private static readonly Reaction Notes = Reaction
        .Named("notes")
        .Of(Cases.Aggregate)
        .PerEntity()
        .State(new Tally())
        .React(
            (tally, e, c) =>
                e switch
                {
                    Told told => Then.Keep(tally).Do(new Ping(told.Text)),
                    Moved => Then.Keep(tally).Send(c.EntityId, new CaseCommand.Note("moved")),
                    Opened => Then.Keep(tally).Do(new Webhook("http://nowhere", "{}")),
                    _ => tally,
                }
        );

    [Fact]
    public async Task Intents_of_one_key_are_carried_out_in_order_with_their_ids()
    {
        await using var floor = new Floor();
        for (var i = 0; i < 20; i++)
        {
            floor.Rig.Event("1", new Told($"{i}"), i);
        }
        floor.Start();
        await floor.Until(() => floor.Seen.Count == 20);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"notes/1/1-{i + 1}/0: {i}"), floor.Seen);
        await floor.Until(() => floor.Rig.Operations.Executors().Single() is { Done: 20, Lag: 0 });
    }

    [Fact]
    public async Task A_key_that_is_slow_holds_up_no_other()
    {
        await using var floor = new Floor();
        var open = new TaskCompletionSource();
        floor.Carry = ping => ping.Value.Text == "slow" ? open.Task : Task.CompletedTask;
        floor.Rig.Event("1", new Told("slow"), 1);
        floor.Rig.Event("1", new Told("behind"), 2);
        floor.Rig.Event("2", new Told("quick"), 3);
        floor.Start();
        await floor.Until(() => floor.Seen.Count == 1);
        Assert.Equal("notes/2/2-1/0: quick", Assert.Single(floor.Seen));
        open.SetResult();
        await floor.Until(() => floor.Seen.Count == 3);
        Assert.Equal(["notes/1/1-1/0: slow", "notes/1/1-2/0: behind"], floor.Seen.Skip(1));
    }

    [Fact]
    public async Task What_fails_is_tried_again_then_parked_then_retried_or_skipped()
    {
        await using var floor = new Floor(tries: 3);
        var tries = new ConcurrentDictionary<string, int>();
        var mended = false;
        floor.Carry = ping =>
        {
            var count = tries.AddOrUpdate(ping.Value.Text, 1, (_, n) => n + 1);
            return ping.Value.Text switch
            {
                "once" when count < 2 => throw new InvalidOperationException("not yet"),
                "never" or "nor this" when !mended => throw new InvalidOperationException("no"),
                _ => Task.CompletedTask,
            };
        };
        floor.Rig.Event("1", new Told("once"), 1);
        floor.Rig.Event("1", new Told("never"), 2);
        floor.Rig.Event("2", new Told("nor this"), 3);
        floor.Rig.Event("1", new Told("after"), 4);
        floor.Start();
        await floor.Until(() => floor.Rig.Operations.Parked().Count() == 2);
        await floor.Until(() => floor.Seen.Contains("notes/1/1-3/0: after"));
        Assert.Equal(2, tries["once"]);
        Assert.Equal(3, tries["never"]);
        Assert.Contains("no", floor.Rig.Operations.Parked().First().Reason, StringComparison.Ordinal);

        mended = true;
        await floor.Rig.Operator.RetryAsync("notes", "notes/1/1-2/0", null, "mended", "ann");
        await floor.Rig.Operator.SkipAsync("notes", "notes/2/2-1/0", null, "nobody cares", "ann");
        await floor.Rig.Operator.RetryAsync("notes", "notes/9/9-1/0", null, "there is no such intent", "ann");
        await floor.Until(() => !floor.Rig.Operations.Parked().Any() && floor.Rig.Operations.Executors().Single().Lag == 0);
        Assert.Contains("notes/1/1-2/0: never", floor.Seen);
        Assert.Equal(3, tries["nor this"]);
        Assert.Contains(
            floor.Rig.Intents(Notes),
            record =>
                record is { Type: "millrace.skip", Key: "notes/2/2-1/0" } && record.Json.Contains("nobody cares", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task What_was_not_done_when_the_process_ended_is_done_by_the_next()
    {
        await using var floor = new Floor();
        var never = new TaskCompletionSource();
        floor.Carry = _ => never.Task;
        floor.Rig.Event("1", new Told("a"), 1);
        floor.Rig.Event("1", new Told("b"), 2);
        floor.Start();
        await floor.Until(() => floor.Begun == 1);
        await floor.StopAsync();
        Assert.Empty(floor.Seen);
        floor.Carry = _ => Task.CompletedTask;
        floor.Start();
        await floor.Until(() => floor.Seen.Count == 2);
        Assert.Equal(["notes/1/1-1/0: a", "notes/1/1-2/0: b"], floor.Seen);
    }

    [Fact]
    public async Task An_executor_that_does_not_look_at_its_token_holds_up_no_stop_and_is_tried_again()
    {
        await using var floor = new Floor(time: new ImpatientTime());
        var deaf = new TaskCompletionSource();
        floor.CarryDeaf = deaf.Task;
        floor.Rig.Event("1", new Told("a"), 1);
        floor.Start();
        await floor.Until(() => floor.Begun == 1);
        await floor.StopAsync().WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        floor.CarryDeaf = Task.CompletedTask;
        floor.Start();
        await floor.Until(() => floor.Seen.Count == 1);
        Assert.Equal(2, floor.Begun);
        deaf.SetResult();
    }

    [Fact]
    public async Task An_intent_that_nobody_carries_out_parks_at_once_with_what_mends_it()
    {
        await using var floor = new Floor();
        floor.Rig.Event("1", new Opened("s", "g", 1), 1);
        floor.Start();
        await floor.Until(() => floor.Rig.Operations.Parked().Any());
        var parked = floor.Rig.Operations.Parked().Single();
        Assert.Contains("IExecutor<Webhook>", parked.Reason, StringComparison.Ordinal);
        Assert.Contains("after 1 tries", parked.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_is_sent_with_the_intents_id_as_its_idempotency_key()
    {
        await using var floor = new Floor();
        floor.Rig.Event("7", new Moved(1), 1);
        floor.Start();
        await floor.Until(() => !floor.Sent.IsEmpty);
        Assert.Equal("case 7 Note { Text = moved } notes/7/7-1/0 tx-7-1", Assert.Single(floor.Sent));
    }

    /// <summary>A clock on which every wait is over at once.</summary>
    private sealed class ImpatientTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, TimeSpan.Zero, period);
    }

    /// <summary>A rig whose reaction has run and whose executors run on the engine's own threads.</summary>
    private sealed class Floor : IAsyncDisposable, IExecutor<Ping>
    {
        private readonly DownstreamServices _services;
        private CancellationTokenSource _stop = new();
        private Task _running = Task.CompletedTask;
        private int _begun;

        public Floor(int tries = 8, TimeProvider? time = null)
        {
            _services = new DownstreamServices
            {
                Engine = new InMemoryEngine(),
                Provider = new ServiceCollection().AddSingleton<IExecutor<Ping>>(this).BuildServiceProvider(),
                Options = new MillraceOptions { IntentTries = tries },
                Time = time ?? TimeProvider.System,
                Faulted = (_, _, e) => Faults.Enqueue(e),
                Send = (aggregate, id, command, options, correlation, _) =>
                {
                    Sent.Enqueue($"{aggregate.Name} {id} {command} {options.IdempotencyKey} {correlation}");
                    return Task.FromResult<string?>(null);
                },
            };
            Rig = new Rig(Cases.Topology.Intent<Ping>("ping").Add(Notes), partitions: 2, services: _services);
        }

        public Rig Rig { get; }
        public ConcurrentQueue<string> Seen { get; } = new();
        public ConcurrentQueue<string> Sent { get; } = new();
        public ConcurrentQueue<Exception> Faults { get; } = new();
        public Func<Intent<Ping>, Task> Carry { get; set; } = _ => Task.CompletedTask;

        /// <summary>What an executor waits for whatever its token says.</summary>
        public Task CarryDeaf { get; set; } = Task.CompletedTask;
        public int Begun => Volatile.Read(ref _begun);

        public void Start()
        {
            Rig.Settle();
            _stop = new CancellationTokenSource();
            var group = Downstream.Groups(Rig.Application, _services).Single(g => g.Name == Rig.Application.ExecutorGroup(Notes));
            Assert.True(group.DurableInput);
            _running = Rig.Engine.RunAsync(group, _stop.Token);
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _running;
        }

        public async Task Until(Func<bool> condition)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
            while (!condition())
            {
                Assert.Empty(Faults);
                await beat.WaitForNextTickAsync(limit.Token);
            }
        }

        public async Task ExecuteAsync(Intent<Ping> intent, CancellationToken cancellation)
        {
            Interlocked.Increment(ref _begun);
            await CarryDeaf;
            await Carry(intent).WaitAsync(cancellation);
            Seen.Enqueue($"{intent.Id}: {intent.Value.Text}");
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stop.Dispose();
            await Rig.DisposeAsync();
        }
    }
}
