using System.Collections.Concurrent;
using Desk;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Testing;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Executors;

/// <summary>The whole chain on threads of its own and the wall clock: row, event, reaction, tick, intent, executor.</summary>
public class HostedTests
{
    [Fact]
    public async Task A_row_becomes_an_alert_carried_out_without_another_record_coming()
    {
        var told = new Told();
        await using var services = new ServiceCollection()
            .AddSingleton<IExecutor<Alert>>(told)
            .AddSingleton(provider => new FakeSource(provider, "desk"))
            .AddSingleton(provider => new Runtime(
                global::Desk.Application.Topology,
                new MillraceOptions { Partitions = 4 },
                new InMemoryEngine(),
                [provider.GetRequiredService<FakeSource>()],
                new Dictionary<Type, object> { [typeof(global::Desk.Rules)] = new global::Desk.Rules(TimeSpan.FromMilliseconds(30), 3, 2) },
                provider,
                TimeProvider.System,
                NullLogger.Instance
            ))
            .BuildServiceProvider();
        var source = services.GetRequiredService<FakeSource>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var running = services.GetRequiredService<Runtime>().RunAsync(stop.Token);

        await source.Settled(stop.Token);
        for (var id = 1; id <= 3; id++)
        {
            await source.Commit(Insert(new TicketRow(id, "Mail is down", "open", Priority: id, CategoryId: 5)));
        }
        // Tick after tick, the timer becomes due by itself.
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (told.Alerts.Count < 2)
        {
            await beat.WaitForNextTickAsync(limit.Token);
        }
        await source.Settled(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        Assert.Equal(
            ["3 tickets in category 5 within an hour", "Ticket 3 is urgent and nobody has answered"],
            told.Alerts.Order(StringComparer.Ordinal)
        );
        Assert.All(
            services.GetRequiredService<Runtime>().Status().Executors,
            executor => Assert.Equal((1, 0), (executor.Done, executor.Lag))
        );
    }

    private sealed class Told : IExecutor<Alert>
    {
        public ConcurrentQueue<string> Alerts { get; } = new();

        public Task ExecuteAsync(Intent<Alert> intent, CancellationToken cancellation)
        {
            Alerts.Enqueue(intent.Value.Text);
            return Task.CompletedTask;
        }
    }
}
