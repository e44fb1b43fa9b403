using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Engines.Contract;
using Millrace.Parcels;
using Millrace.TestServers;
using Xunit;
using static Millrace.Parcels.ParcelCommand;

namespace Millrace.Kafka.Tests;

public sealed class SameEventsTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>
    /// A whole application on the embedded engine records a command log: rows, commands of clients, a poisoned parcel and its retry, ticks. Copied
    /// record by record to a broker and decided there, it gives the same events.
    /// </summary>
    [Fact]
    public async Task One_command_log_gives_each_entity_the_same_events_on_either_engine()
    {
        var ids = Enumerable.Range(1, 40).ToList();
        await using var office = await new Office(null, "").StartAsync();
        await office.Source.CommitAsync(rows => ids.ForEach(id => rows.Insert("scans", id, id, $"hub {id % 3}")));
        foreach (var id in ids)
        {
            await office.Source.CommitAsync(rows => rows.Insert("parcels", id, $"town {id}", "new", "Grüße, 東京"));
        }
        foreach (var id in ids)
        {
            var options = new SendOptions { IdempotencyKey = $"reroute-{id}" };
            await office.Commands.Send($"{id}", new Reroute($"elsewhere {id}"), options, None);
            await office.Commands.Send($"{id}", new Reroute($"elsewhere {id}"), options, None);
            await office.Source.CommitAsync(rows =>
                rows.Update("parcels", [id, $"town {id}", "new", null], [id, $"town {id}", "delivered", null])
            );
            Assert.NotNull((await office.Commands.Send($"{id}", new Reroute("too late"), new SendOptions(), None)).Rejected);
        }
        await Eventually.Get(() => office.Alerts.Distinct().Count(), count => count == ids.Count);
        await office.Runtime.Operator.RetryAsync("parcel", "7", null, "nothing is parked", "test");
        await Eventually.Get(() => office.Runtime.Status().Partitions.Sum(p => p.Lag), lag => lag == 0);
        var commands = Dump(office.Runtime.Engine, office.Runtime.Application.Commands(Parcel.Definition));
        var events = Dump(office.Runtime.Engine, office.Runtime.Application.Events(Parcel.Definition));
        Assert.Contains("millrace.tick", commands, StringComparison.Ordinal);
        Assert.Contains("parcel-rerouted", events, StringComparison.Ordinal);

        using var folder = new TemporaryFolder();
        await using var engine = KafkaEngine.Open(
            new KafkaOptions
            {
                BootstrapServers = (await KafkaBroker.SharedAsync()).Bootstrap,
                Prefix = KafkaBroker.NewPrefix("same"),
                Folder = folder.Path,
            }
        );
        var runtime = new Runtime(
            PostOffice.Topology,
            office.Runtime.Options,
            engine,
            [new ToldSource()],
            new Dictionary<Type, object>(),
            office.Host.Services,
            TimeProvider.System,
            NullLogger.Instance
        );
        var application = runtime.Application;
        await engine.CreateTopicsAsync(
            [application.Commands(Parcel.Definition), application.Events(Parcel.Definition), application.Outcomes(Parcel.Definition)],
            None
        );
        await CopyAsync(office.Runtime.Engine, engine, application.Commands(Parcel.Definition));
        Assert.Equal(commands, Dump(engine, application.Commands(Parcel.Definition)));

        using var stop = new CancellationTokenSource();
        var group = runtime.Groups.Single(group => group.Name == application.DecideGroup(Parcel.Definition));
        var running = engine.RunAsync(group, stop.Token);
        var decided = await Eventually.Get(
            () => Dump(engine, application.Events(Parcel.Definition)),
            dump => dump.Split('\n').Length >= events.Split('\n').Length
        );
        await stop.CancelAsync();
        await running;
        await runtime.DisposeAsync();

        Assert.Equal(events, decided);
    }

    private static async Task CopyAsync(IEngine from, KafkaEngine to, Topic log)
    {
        await using var appender = to.OpenAppender("copy");
        for (var partition = 0; partition < log.Partitions; partition++)
        {
            var place = new TopicPartition(log, partition);
            using var reader = from.Read(place, 0);
            while (reader.TryRead(7, out var batch))
            {
                var transaction = appender.Begin();
                foreach (var record in batch.Records.ToArray())
                {
                    transaction.Append(place, record.Time, record.Key.Span, record.Headers.Span, record.Value.Span);
                }
                await appender.CommitAsync(transaction, durable: false, None);
            }
        }
    }

    /// <summary>Every byte of every record, those of an entity in its order.</summary>
    private static string Dump(IEngine engine, Topic log)
    {
        var entities = new SortedDictionary<string, StringBuilder>(StringComparer.Ordinal);
        for (var partition = 0; partition < log.Partitions; partition++)
        {
            using var reader = engine.Read(new TopicPartition(log, partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    var entity = $"{partition}/{Encoding.UTF8.GetString(record.Key.Span)}";
                    if (!entities.TryGetValue(entity, out var lines))
                    {
                        entities[entity] = lines = new StringBuilder();
                    }
                    lines.Append(CultureInfo.InvariantCulture, $"{entity} {record.Time}");
                    foreach (var header in new RecordHeaders(record.Headers.Span))
                    {
                        lines.Append(CultureInfo.InvariantCulture, $" {header.Header}={Encoding.UTF8.GetString(header.Value)}");
                    }
                    lines.Append(
                        CultureInfo.InvariantCulture,
                        $" {Convert.ToHexStringLower(record.Headers.Span)} {Encoding.UTF8.GetString(record.Value.Span)}\n"
                    );
                }
            }
        }
        return string.Concat(entities.Values);
    }
}
