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

    public void Dispose() => _folder.Delete(recursive: true);

    private IHost Host()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new("Millrace:Partitions", "4"), new("Crowd:Most", "1000")]);
        builder
            .AddMillrace(Clinic.Of(Clinic.Patient).Add(Clinic.Cards).Add(Clinic.CallBacks).Add(Clinic.Crowded))
            .UseEmbedded(_folder.FullName)
            .UseFakeSource()
            .UseSettings<Crowd>("Crowd");
        return builder.Build();
    }
}
