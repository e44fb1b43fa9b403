using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Millrace.Engines;
using Millrace.Parcels;
using Millrace.Sources;

namespace Millrace.Hosting.Tests;

public sealed class StartTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_host_decides_what_its_source_commits_and_what_its_clients_send()
    {
        var (host, source) = Hosts.PostOffice();
        using (host)
        {
            await host.StartAsync(None);
            await source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null));

            var decided = await host.Services.GetRequiredService<ICommands>().Send(1, new ParcelCommand.Reroute("Bergen"), None);

            Assert.Null(decided.Rejected);
            Assert.Equal(1, decided.Events);
            var status = host.Services.GetRequiredService<MillraceService>().Status!;
            Assert.Equal(2, status.Partitions.Sum(partition => partition.EventEnd - ControlsIn(host, partition)));
            await host.StopAsync(None);
        }
    }

    [Fact]
    public async Task Everything_that_stands_in_the_way_is_listed_together()
    {
        var builder = Hosts.Builder("--Millrace:Partitions=0", "--Millrace:Promises:DeliverWithinHours=soon");
        builder.AddMillrace(PostOffice.Topology.Add(Board.Definition)).UseSettings<Promises>("Millrace:Promises");
        using var host = builder.Build();

        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => host.StartAsync(None));

        Assert.Collection(
            refused.Problems,
            problem => Assert.StartsWith("Two views or reactions are named \"whereabouts\"", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("Two views have the document Whereabouts", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("Millrace:Partitions is 0", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("The settings Promises cannot be read", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("There is no engine", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("There is no source", problem, StringComparison.Ordinal)
        );
        Assert.Equal(refused.Message, refused.ToString());
    }

    [Fact]
    public async Task An_event_names_its_application_database_and_aggregate()
    {
        var (host, source) = Hosts.PostOffice();
        using (host)
        {
            await host.StartAsync(None);
            await source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "sent", null));
            await host.Services.GetRequiredService<ICommands>().Send(1, new ParcelCommand.Reroute("Bergen"), None);
            var runtime = host.Services.GetRequiredService<Runtime>();
            var aggregate = runtime.Application.Topology.Aggregates[0];
            var publishers = new HashSet<string>();
            for (var partition = 0; partition < runtime.Application.Partitions; partition++)
            {
                using var events = runtime.Engine.Read(new TopicPartition(runtime.Application.Events(aggregate), partition), 0);
                while (events.TryRead(100, out var batch))
                {
                    foreach (var record in batch.Records.Span)
                    {
                        var headers = new RecordHeaders(record.Headers.Span);
                        if (headers.Kind != RecordKind.Control)
                        {
                            publishers.Add(System.Text.Encoding.UTF8.GetString(headers[Header.Source]));
                        }
                    }
                }
            }
            Assert.Equal($"/{runtime.Application.Topology.Name}/{source.Name}/{aggregate.Name}", Assert.Single(publishers));
            await host.StopAsync(None);
        }
    }

    [Fact]
    public async Task Two_sources_of_one_application_are_refused_by_name()
    {
        var builder = Hosts.Builder();
        var millrace = builder.AddMillrace(PostOffice.Topology).UseSettings<Promises>("Millrace:Promises");
        millrace.Services.AddSingleton<IEngine>(new InMemoryEngine());
        millrace.Services.AddSingleton<ISource>(new ToldSource());
        millrace.Services.AddSingleton<ISource>(new ToldSource());
        using var host = builder.Build();

        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => host.StartAsync(None));

        Assert.StartsWith("There are 2 sources (", Assert.Single(refused.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_source_finds_wrong_before_the_start_refuses_it()
    {
        var (host, source) = Hosts.PostOffice();
        source.Problems.Add("binlog_format is STATEMENT: SET GLOBAL binlog_format = ROW");
        using (host)
        {
            var refused = await Assert.ThrowsAsync<MillraceStartException>(() => host.StartAsync(None));

            Assert.Equal(["binlog_format is STATEMENT: SET GLOBAL binlog_format = ROW"], refused.Problems);
        }
    }

    [Fact]
    public async Task Settings_without_a_binding_are_asked_for()
    {
        var builder = Hosts.Builder();
        builder.AddMillrace(PostOffice.Topology);
        builder.Services.AddSingleton<IEngine>(new InMemoryEngine());
        builder.Services.AddSingleton<ISource>(new ToldSource());
        using var host = builder.Build();

        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => host.StartAsync(None));

        Assert.All(refused.Problems, problem => Assert.Contains("call UseSettings<Promises>", problem, StringComparison.Ordinal));
        Assert.Equal(2, refused.Problems.Count);
    }

    [Fact]
    public async Task Settings_come_from_the_configuration_and_their_defaults_from_the_record()
    {
        var (host, _) = Hosts.PostOffice(arguments: "--Millrace:Promises:BusyAbove=7");
        using (host)
        {
            await host.StartAsync(None);

            Assert.Equal(
                new Promises(DeliverWithinHours: 48, BusyAbove: 7),
                host.Services.GetRequiredService<Startup>().Settings[typeof(Promises)]
            );
            await host.StopAsync(None);
        }
    }

    [Fact]
    public async Task A_start_that_cannot_work_ends_with_one_message_and_exit_code_1()
    {
        var (host, source) = Hosts.PostOffice();
        source.Problems.Add("The user may not read the binlog.\nGRANT REPLICATION SLAVE ON *.* TO 'millrace'@'%'");
        var error = Console.Error;
        using var said = new StringWriter();
        Console.SetError(said);
        try
        {
            Assert.Equal(1, await host.RunMillraceAsync([]));
        }
        finally
        {
            Console.SetError(error);
        }
        Assert.Equal(
            "\"post\" cannot start:\n  - The user may not read the binlog.\n    GRANT REPLICATION SLAVE ON *.* TO 'millrace'@'%'\n",
            said.ToString()
        );
    }

    [Fact]
    public async Task An_application_serves_until_its_host_is_stopped()
    {
        var (host, _) = Hosts.PostOffice();
        var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        lifetime.ApplicationStarted.Register(lifetime.StopApplication);

        Assert.Equal(0, await host.RunMillraceAsync(["--urls", "http://127.0.0.1:0"]));
    }

    [Fact]
    public async Task A_changed_topology_is_refused_at_the_next_start()
    {
        var engine = new InMemoryEngine();
        var (first, _) = Hosts.PostOffice(engine);
        using (first)
        {
            await first.StartAsync(None);
            await first.StopAsync(None);
        }
        var (second, _) = Hosts.PostOffice(engine, arguments: "--Millrace:Partitions=5");
        using (second)
        {
            var refused = await Assert.ThrowsAsync<MillraceStartException>(() => second.StartAsync(None));

            Assert.Equal(
                "The number of partitions was 4 and is now 5; entities would change their partition. Set Millrace:Partitions back to 4.",
                Assert.Single(refused.Problems)
            );
        }
    }

    [Fact]
    public async Task Health_checks_have_the_tags_that_probes_ask_for()
    {
        var (host, source) = Hosts.PostOffice();
        using (host)
        {
            await host.StartAsync(None);
            var health = host.Services.GetRequiredService<HealthCheckService>();
            await Eventually.Get(
                () => health.CheckHealthAsync(check => check.Tags.Contains("ready"), None),
                report => report.Status == HealthStatus.Healthy
            );

            source.Report(status => status with { LagMicroseconds = 31_000_000 });
            var late = await health.CheckHealthAsync(check => check.Tags.Contains("ready"), None);
            source.Report(status => status with { Connected = false, LagMicroseconds = null, Problem = "The server is gone." });
            var gone = await health.CheckHealthAsync(check => check.Tags.Contains("ready"), None);
            var live = await health.CheckHealthAsync(check => check.Tags.Contains("live"), None);

            Assert.Equal(
                "The source post is 31 s behind the server's head; the limit is 30 s.",
                late.Entries["millrace-ready"].Description
            );
            Assert.Equal("The source post is not connected: The server is gone.", gone.Entries["millrace-ready"].Description);
            Assert.Equal(HealthStatus.Healthy, live.Status);
            await host.StopAsync(None);
        }
    }

    // Settings, code and marks are records of the event log, too.
    private static long ControlsIn(IHost host, PartitionState partition)
    {
        var runtime = host.Services.GetRequiredService<Runtime>();
        using var reader = runtime.Engine.Read(new TopicPartition(runtime.Application.Events(Parcel.Definition), partition.Partition), 0);
        long count = 0;
        while (reader.TryRead(100, out var batch))
        {
            foreach (var record in batch.Records.Span)
            {
                count += new RecordHeaders(record.Headers.Span).Kind == RecordKind.Control ? 1 : 0;
            }
        }
        return count;
    }
}
