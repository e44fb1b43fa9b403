using Desk;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Testing;
using static Desk.TicketCommand;
using static Millrace.Testing.Row;

namespace Millrace.Tests.Scenarios;

/// <summary>A whole host over a source in memory: nothing is stepped, everything runs as in production.</summary>
public sealed class HostTests
{
    private static readonly TicketRow Mail = new(1, "Mail is down", "open", Priority: 1, CategoryId: 5);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_written_is_in_the_view_when_the_host_has_settled()
    {
        using var host = await Start();
        var source = host.Services.GetRequiredService<FakeSource>();
        await source.Commit([.. Enumerable.Range(1, 200).Select(id => Insert(Mail with { Id = id, Priority = id % 3 }))]);
        await source.Commit(Update(Mail with { Status = "closed" }), Update(Mail with { Id = 2, Priority = 9, Status = "open" }));
        await source.Settled(Stop);
        var tickets = host.Services.GetRequiredService<Runtime>().View<OpenTicket>();
        Assert.Equal(199, tickets.All().Count());
        Assert.Equal(["2"], tickets.Range(OpenTickets.ByPriority, from: 3).Select(ticket => ticket.Key));
        await host.StopAsync(Stop);
    }

    [Fact]
    public async Task A_command_is_answered_and_a_rejection_says_why()
    {
        using var host = await Start();
        var source = host.Services.GetRequiredService<FakeSource>();
        await source.Commit(Insert(Mail), Insert(Mail with { Id = 2, Status = "closed" }));
        await source.Settled(Stop);
        var commands = host.Services.GetRequiredService<ICommands>();
        Assert.Null((await commands.Send(1, new Acknowledge("ann"), Stop)).Rejected);
        Assert.Equal("The ticket is closed.", (await commands.Send(2, new Acknowledge("ann"), Stop)).Rejected);
        await host.StopAsync(Stop);
    }

    [Fact]
    public async Task What_the_database_would_refuse_is_refused_where_it_is_written()
    {
        using var host = await Start();
        var source = host.Services.GetRequiredService<FakeSource>();
        await source.Commit(Insert(Mail));
        var refused = await Assert.ThrowsAsync<ScenarioException>(() => source.Commit(Insert(Mail)));
        Assert.Equal("tickets 1 is there already. Update or replace it.", refused.Message);
        await source.Settled(Stop);
        await host.StopAsync(Stop);
    }

    private static async Task<IHost> Start()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?> { ["Millrace:Partitions"] = "4", ["Millrace:Rules:AnswerWithin"] = "00:30:00" }
        );
        builder
            .AddMillrace(global::Desk.Application.Topology)
            .UseInMemoryEngine()
            .UseFakeSource()
            .UseSettings<global::Desk.Rules>("Millrace:Rules");
        var host = builder.Build();
        await host.StartAsync(Stop);
        return host;
    }
}
