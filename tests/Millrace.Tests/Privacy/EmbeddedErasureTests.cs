using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Privacy;

/// <summary>A whole host on the embedded engine: what is on the disk is searched, before and after a restart.</summary>
public sealed class EmbeddedErasureTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("millrace-");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_erased_patient_is_in_no_log_and_no_state_of_the_folder_and_the_next_start_reads_on()
    {
        using (var host = Host())
        {
            await host.StartAsync(Stop);
            var source = host.Services.GetRequiredService<FakeSource>();
            await source.Commit([.. Enumerable.Range(1, 50).Select(id => Insert(new PatientRow(id, $"Plain {id}.", "Oslo")))]);
            await source.Commit(Insert(new VisitRow(1, 7, "a plain cough")));
            await source.Settled(Stop);
            var noted = await host.Services.GetRequiredService<ICommands>().Send(7, new PatientCommand.Note("a plain note"), Stop);
            Assert.Null(noted.Rejected);

            await host.Services.GetRequiredService<IErasure>().EraseAsync("patient", 7, "asked for", "the desk", Stop);
            await source.Settled(Stop);

            var cards = host.Services.GetRequiredService<IView<PatientCard>>();
            Assert.Null(cards.Get(7));
            Assert.Equal(49, cards.All().Count());
            await host.StopAsync(Stop);
        }
        using (var host = Host())
        {
            var (engine, runtime) = (host.Services.GetRequiredService<IEngine>(), host.Services.GetRequiredService<Runtime>());
            Assert.Empty(Plaintext.InLogs(engine, runtime, "plain"));
            Assert.Empty(Plaintext.InStates(engine, runtime, "Plain 7."));
            Assert.Empty(Plaintext.InStates(engine, runtime, "cough"));
            Assert.NotEmpty(Plaintext.InStates(engine, runtime, "Plain 8."));

            await host.StartAsync(Stop);
            var source = host.Services.GetRequiredService<FakeSource>();
            await source.Commit(Insert(new PatientRow(7, "Plain 7 again", "Oslo")), Insert(new PatientRow(51, "Plain 51.", "Oslo")));
            await source.Settled(Stop);
            Assert.Empty(runtime.Held());
            Assert.Equal("Plain 7 again", host.Services.GetRequiredService<IView<PatientCard>>().Get(7)!.Name);
            Assert.Empty(Plaintext.InLogs(engine, runtime, "plain"));
            await host.StopAsync(Stop);
        }
    }

    [Fact]
    public async Task An_intent_that_is_parked_when_its_entity_is_erased_is_not_carried_out_by_a_retry()
    {
        var caller = new Caller();
        using var host = Host(caller);
        await host.StartAsync(Stop);
        var (source, runtime) = (host.Services.GetRequiredService<FakeSource>(), host.Services.GetRequiredService<Runtime>());
        await source.Commit(Insert(new PatientRow(7, "Plain 7.", "Oslo")), Insert(new PatientRow(8, "Plain 8.", "Oslo")));
        await source.Settled(Stop);
        await host.Services.GetRequiredService<ICommands>().Send(7, new PatientCommand.Note("a plain note"), Stop);
        await host.Services.GetRequiredService<ICommands>().Send(8, new PatientCommand.Note("a plain note"), Stop);
        await source.Settled(Stop);
        var parked = runtime.Held().ToList();
        Assert.Equal(2, parked.Count);
        caller.Fails = false;

        await host.Services.GetRequiredService<IErasure>().EraseAsync("patient", 7, "asked for", cancellation: Stop);
        foreach (var intent in parked)
        {
            await runtime.Operator.RetryAsync("call-back", intent.Entity, null, "mended", null);
        }
        await source.Settled(Stop);

        Assert.Empty(runtime.Held());
        Assert.Equal(["Plain 8.: a plain note"], caller.Called);
        Assert.Empty(Plaintext.InStates(runtime.Engine, runtime, "Plain 7."));
        await host.StopAsync(Stop);
    }

    [Fact]
    public async Task On_a_shared_engine_the_keys_must_be_shared_too()
    {
        var clinic = Clinic.Of(Clinic.Patient);
        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => Start(new Services()));
        Assert.Contains("Register an IEntityKeys", refused.Message);
        await using var keys = new StoredEntityKeys(new InMemoryEngine(), "elsewhere");
        await Start(new Services(keys));

        async Task Start(IServiceProvider services)
        {
            await using var engine = new SharedEngine();
            await using var runtime = new Runtime(
                clinic,
                new MillraceOptions { Partitions = 4 },
                engine,
                [],
                new Dictionary<Type, object>(),
                services,
                TimeProvider.System,
                Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance
            );
            await runtime.PrepareAsync(Stop);
        }
    }

    private sealed class Services(IEntityKeys? keys = null) : IServiceProvider
    {
        public object? GetService(Type serviceType) => serviceType == typeof(IEntityKeys) ? keys : null;
    }

    /// <summary>Says that it is shared, and is not.</summary>
    private sealed class SharedEngine : IEngine
    {
        private readonly InMemoryEngine _engine = new();

        public bool IsShared => true;

        public ValueTask CreateTopicsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) =>
            _engine.CreateTopicsAsync(topics, cancellation);

        public ValueTask AddPartitionsAsync(IReadOnlyCollection<Topic> topics, CancellationToken cancellation) =>
            _engine.AddPartitionsAsync(topics, cancellation);

        public IAppender OpenAppender(string name) => _engine.OpenAppender(name);

        public Task RunAsync(ProcessorGroup group, CancellationToken cancellation) => _engine.RunAsync(group, cancellation);

        public ILogReader Read(TopicPartition source, long offset, bool durableOnly = false) => _engine.Read(source, offset, durableOnly);

        public IStateReader OpenState(string name, int partition) => _engine.OpenState(name, partition);

        public long CommittedOffset(string group, TopicPartition source) => _engine.CommittedOffset(group, source);

        public ValueTask DisposeAsync() => _engine.DisposeAsync();
    }

    private sealed class Caller : IExecutor<Alert>
    {
        public bool Fails { get; set; } = true;

        public System.Collections.Concurrent.ConcurrentQueue<string> Called { get; } = new();

        public Task ExecuteAsync(Intent<Alert> intent, CancellationToken cancellation)
        {
            if (Fails)
            {
                throw new InvalidOperationException("Nobody answers.");
            }
            Called.Enqueue(intent.Value.Text);
            return Task.CompletedTask;
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private IHost Host(Caller? caller = null)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([
            new("Millrace:Partitions", "4"),
            new("Millrace:IntentTries", "1"),
            new("Crowd:Most", "1000"),
        ]);
        builder
            .AddMillrace(Clinic.Of(Clinic.Patient).Add(Clinic.Cards).Add(Clinic.CallBacks).Add(Clinic.Crowded))
            .UseEmbedded(_folder.FullName)
            .UseFakeSource()
            .UseSettings<Crowd>("Crowd");
        if (caller is not null)
        {
            builder.Services.AddSingleton<IExecutor<Alert>>(caller);
        }
        return builder.Build();
    }
}
