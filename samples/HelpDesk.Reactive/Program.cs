using HelpDesk.Reactive;
using Millrace;

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
if (string.IsNullOrEmpty(builder.Configuration["urls"]))
    builder.WebHost.UseUrls("http://127.0.0.1:5090");
var millrace = builder
    .AddMillrace(Desk.Topology)
    .UseMySql("helpdesk") // ConnectionStrings:helpdesk
    .UseSettings<Rules>("Millrace:Rules");
_ = builder.Configuration["Millrace:Engine"] == "kafka" ? millrace.UseKafka() : millrace.UseEmbedded();

var app = builder.Build();
app.MapGet("/tickets/open", (IView<OpenTicket> tickets) => tickets.Range(OpenTickets.ByPriority));
app.MapGet("/tickets/oldest", (IView<OpenTicket> tickets) => tickets.Range(OpenTickets.ByAge));
app.MapGet(
    "/tickets/{id:long}",
    (long id, IView<TicketStory> stories) => stories.Get(id) is { } story ? Results.Ok(story) : Results.NotFound()
);
app.MapPost(
    "/tickets/{id:long}/acknowledge",
    async (long id, TicketCommand.Acknowledge body, ICommands commands, CancellationToken stop) =>
        await commands.Send(id, body, stop) is { Rejected: { } reason } ? Results.Conflict(reason) : Results.NoContent()
);
app.MapMillrace("/millrace");
app.MapGet("/", () => Results.Redirect("/millrace"));
return await app.RunMillraceAsync(args);
