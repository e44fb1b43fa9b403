namespace HelpDesk;

/// <summary>The REST API under /api. Every write answers with the entity it changed.</summary>
public static class Api
{
    public static void MapApi(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api");

        var tickets = api.MapGroup("/tickets").WithTags("Tickets");
        tickets
            .MapGet(
                "/",
                (TicketStore store, string? status, long? categoryId, int? limit, CancellationToken stop) =>
                    store.ListAsync(status, categoryId, limit ?? 100, stop)
            )
            .WithSummary("The worklist: urgent first, then oldest. status: unresolved (default), all, or one status.");
        tickets.MapGet("/{id:long}", (TicketStore store, long id, CancellationToken stop) => store.FindAsync(id, stop));
        tickets.MapPost(
            "/",
            async (TicketStore store, NewTicket ticket, CancellationToken stop) =>
            {
                var opened = await store.OpenAsync(ticket, stop);
                return TypedResults.Created($"/api/tickets/{opened.Ticket.Id}", opened);
            }
        );
        tickets
            .MapPatch(
                "/{id:long}",
                (TicketStore store, long id, TicketChanges changes, CancellationToken stop) => store.ChangeAsync(id, changes, stop)
            )
            .WithSummary("Changes subject, status, priority or category; what is left out stays.");
        tickets
            .MapPut(
                "/{id:long}/assignee",
                (TicketStore store, long id, Assignment to, CancellationToken stop) => store.AssignAsync(id, to.AgentId, stop)
            )
            .WithSummary("Assigns the ticket to an agent, or with null to nobody.");
        tickets
            .MapPut(
                "/{id:long}/tags",
                (TicketStore store, long id, TagSet set, CancellationToken stop) => store.TagAsync(id, set.Tags, stop)
            )
            .WithSummary("Gives the ticket exactly these tags.");
        tickets
            .MapDelete("/{id:long}", (TicketStore store, long id, CancellationToken stop) => store.DeleteAsync(id, stop))
            .WithSummary("Deletes the ticket with its replies and tags, and answers with what was deleted.");
        tickets.MapPost(
            "/{id:long}/replies",
            async (TicketStore store, long id, NewReply reply, CancellationToken stop) =>
            {
                var added = await store.ReplyAsync(id, reply, stop);
                return TypedResults.Created($"/api/tickets/{id}", added);
            }
        );

        var replies = api.MapGroup("/replies").WithTags("Replies");
        replies
            .MapPut(
                "/{id:long}/ticket",
                (TicketStore store, long id, ReplyMove move, CancellationToken stop) => store.MoveReplyAsync(id, move.TicketId, stop)
            )
            .WithSummary("Moves a reply to another ticket.");
        replies.MapDelete("/{id:long}", (TicketStore store, long id, CancellationToken stop) => store.DeleteReplyAsync(id, stop));

        var categories = api.MapGroup("/categories").WithTags("Categories");
        categories.MapGet("/", (PeopleStore store, CancellationToken stop) => store.CategoriesAsync(stop));
        categories.MapPost(
            "/",
            async (PeopleStore store, NewCategory category, CancellationToken stop) =>
                TypedResults.Created("/api/categories", await store.AddCategoryAsync(category, stop))
        );
        categories.MapPut(
            "/{id:long}",
            (PeopleStore store, long id, NewCategory category, CancellationToken stop) => store.RenameCategoryAsync(id, category, stop)
        );
        categories.MapDelete("/{id:long}", (PeopleStore store, long id, CancellationToken stop) => store.DeleteCategoryAsync(id, stop));

        var agents = api.MapGroup("/agents").WithTags("Agents");
        agents.MapGet("/", (PeopleStore store, CancellationToken stop) => store.AgentsAsync(stop));
        agents.MapPost(
            "/",
            async (PeopleStore store, NewAgent agent, CancellationToken stop) =>
                TypedResults.Created("/api/agents", await store.AddAgentAsync(agent, stop))
        );
        agents
            .MapDelete("/{id:long}", (PeopleStore store, long id, CancellationToken stop) => store.DeleteAgentAsync(id, stop))
            .WithSummary("Takes the agent off all tickets and removes them.");
    }

    /// <summary>A refusal of the desk as problem details with its status.</summary>
    public static async Task AnswerProblemAsync(HttpContext http, Func<Task> next)
    {
        try
        {
            await next();
        }
        catch (DeskException e) when (!http.Response.HasStarted)
        {
            await TypedResults.Problem(e.Message, statusCode: e.Status).ExecuteAsync(http);
        }
    }
}
