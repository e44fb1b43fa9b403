using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using HelpDesk.Work;
using Millrace.TestServers;

namespace HelpDesk.Tests;

public class ApiTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Every_write_answers_with_the_entity_it_changed(ServerKind kind)
    {
        await using var desk = await RunningDesk.StartAsync(kind);
        var agent = (await desk.Http.GetFromJsonAsync<Agent[]>("/api/agents", Stop))![0];
        var categories = (await desk.Http.GetFromJsonAsync<Category[]>("/api/categories", Stop))!;

        var opened = await SendAsync<TicketDetails>(
            desk,
            HttpMethod.Post,
            "/api/tickets",
            new NewTicket("Mail is down", 2, categories[0].Id, "Maria", "Since noon.", ["vip", "mail"])
        );
        var path = $"/api/tickets/{opened.Ticket.Id}";
        Assert.Equal(("new", 2), (opened.Ticket.Status, opened.Ticket.Priority));
        Assert.Equal(["mail", "vip"], opened.Tags);
        Assert.False(Assert.Single(opened.Replies).ByAgent);

        var changed = await SendAsync<TicketDetails>(desk, HttpMethod.Patch, path, new { priority = 4, categoryId = categories[1].Id });
        Assert.Equal((4, categories[1].Id, "Mail is down"), (changed.Ticket.Priority, changed.Ticket.CategoryId, changed.Ticket.Subject));
        var assigned = await SendAsync<TicketDetails>(desk, HttpMethod.Put, path + "/assignee", new Assignment(agent.Id));
        Assert.Equal(agent.Id, assigned.Ticket.AssigneeId);
        var tagged = await SendAsync<TicketDetails>(desk, HttpMethod.Put, path + "/tags", new TagSet(["mail", "server"]));
        Assert.Equal(["mail", "server"], tagged.Tags);

        var answer = await SendAsync<Reply>(desk, HttpMethod.Post, path + "/replies", new NewReply(agent.Name, true, "On it."));
        Assert.True(answer.ByAgent);
        Assert.Equal("open", (await desk.Http.GetFromJsonAsync<TicketDetails>(path, Stop))!.Ticket.Status);

        var other = await SendAsync<TicketDetails>(
            desk,
            HttpMethod.Post,
            "/api/tickets",
            new NewTicket("Mail", 1, categories[0].Id, "Jonas")
        );
        var moved = await SendAsync<Reply>(desk, HttpMethod.Put, $"/api/replies/{answer.Id}/ticket", new ReplyMove(other.Ticket.Id));
        Assert.Equal(other.Ticket.Id, moved.TicketId);

        var deleted = await SendAsync<TicketDetails>(desk, HttpMethod.Delete, path, null);
        Assert.Equal(opened.Ticket.Id, deleted.Ticket.Id);
        Assert.Equal(
            [
                [0L],
            ],
            await desk.Database.QueryAsync($"SELECT COUNT(*) FROM ticket_tags WHERE ticket_id = {opened.Ticket.Id}")
        );
        Assert.Equal(HttpStatusCode.NotFound, (await desk.Http.GetAsync(path, Stop)).StatusCode);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task An_agent_who_leaves_is_taken_off_their_tickets_and_a_category_in_use_stays(ServerKind kind)
    {
        await using var desk = await RunningDesk.StartAsync(kind);
        var agent = await SendAsync<Agent>(desk, HttpMethod.Post, "/api/agents", new NewAgent("Nils", "nils@desk.example"));
        var category = await SendAsync<Category>(desk, HttpMethod.Post, "/api/categories", new NewCategory("Telephony"));
        var ticket = (
            await SendAsync<TicketDetails>(desk, HttpMethod.Post, "/api/tickets", new NewTicket("No tone", 3, category.Id, "Olga"))
        ).Ticket;
        await SendAsync<TicketDetails>(desk, HttpMethod.Put, $"/api/tickets/{ticket.Id}/assignee", new Assignment(agent.Id));

        Assert.Equal(agent, await SendAsync<Agent>(desk, HttpMethod.Delete, $"/api/agents/{agent.Id}", null));
        Assert.Null((await desk.Http.GetFromJsonAsync<TicketDetails>($"/api/tickets/{ticket.Id}", Stop))!.Ticket.AssigneeId);

        var refused = await desk.Http.DeleteAsync($"/api/categories/{category.Id}", Stop);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Contains("still has tickets", await refused.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task A_person_opens_a_ticket_on_the_pages_and_a_mistake_is_told_there()
    {
        await using var desk = await RunningDesk.StartAsync(ServerKind.MariaDb);
        var token = Token(await desk.Http.GetStringAsync("/new", Stop));
        var category = (await desk.Http.GetFromJsonAsync<Category[]>("/api/categories", Stop))![0].Id;

        var page = await PostAsync(
            "/new",
            ("subject", "<b>Printer</b>"),
            ("priority", "4"),
            ("categoryId", $"{category}"),
            ("openedBy", "Tom")
        );
        Assert.Contains("&lt;b&gt;Printer&lt;/b&gt;", page);
        Assert.DoesNotContain("<b>Printer</b>", page);
        var ticket = Assert.Single((await desk.Http.GetFromJsonAsync<TicketLine[]>("/api/tickets", Stop))!);

        page = await PostAsync($"/tickets/{ticket.Id}?handler=MoveReply", ("reply", "77"), ("to", $"{ticket.Id}"));
        Assert.Contains("There is no reply 77.", page);
        page = await PostAsync($"/tickets/{ticket.Id}?handler=Reply", ("author", "agent:Ada Okafor"), ("body", "Paper jam?"));
        Assert.Contains("Paper jam?", page);
        Assert.Contains("<b>Ada Okafor</b> (agent)", page);

        async Task<string> PostAsync(string to, params (string Name, string Value)[] fields)
        {
            var form = fields.Append((Name: "__RequestVerificationToken", Value: token)).ToDictionary(f => f.Name, f => f.Value);
            using var content = new FormUrlEncodedContent(form);
            using var answer = await desk.Http.PostAsync(to, content, Stop);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync(Stop);
        }
    }

    [Fact]
    public async Task The_api_describes_itself()
    {
        await using var desk = await RunningDesk.StartAsync(ServerKind.MariaDb);
        var description = await desk.Http.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Stop);
        var move = description.GetProperty("paths").GetProperty("/api/replies/{id}/ticket").GetProperty("put");
        Assert.Equal("Moves a reply to another ticket.", move.GetProperty("summary").GetString());
        Assert.Contains("Help desk API", await desk.Http.GetStringAsync("/scalar", Stop));
    }

    [Fact]
    public async Task Traffic_of_one_seed_makes_the_same_choices_and_all_kinds_of_them()
    {
        var first = await TicketsAfterTrafficAsync();
        var second = await TicketsAfterTrafficAsync();
        Assert.Equal(first, second);
        Assert.Contains(first, row => (string)row[1]! == "closed");
        Assert.True(first.Count < Convert.ToInt64(first[^1][0]), "no ticket was deleted");
    }

    static async Task<List<object?[]>> TicketsAfterTrafficAsync()
    {
        await using var desk = await RunningDesk.StartAsync(ServerKind.MariaDb);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var counted = new HttpClient(new Counting(1500, enough)) { BaseAddress = desk.Http.BaseAddress };
        await new Traffic(counted, seed: 3, rate: 1_000_000, _ => { }).RunAsync(enough.Token);
        return await desk.Database.QueryAsync(
            """
            SELECT t.id, t.status, t.priority, t.category_id, t.assignee_id, t.subject,
                   (SELECT COUNT(*) FROM replies r WHERE r.ticket_id = t.id), (SELECT GROUP_CONCAT(g.tag) FROM ticket_tags g WHERE g.ticket_id = t.id)
            FROM tickets t ORDER BY t.id
            """
        );
    }

    /// <summary>Ends the traffic after a number of requests.</summary>
    sealed class Counting(int requests, CancellationTokenSource enough) : DelegatingHandler(new SocketsHttpHandler())
    {
        int left = requests;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (--left == 0)
                await enough.CancelAsync();
            return await base.SendAsync(request, cancellationToken);
        }
    }

    static string Token(string page)
    {
        var at = page.IndexOf("__RequestVerificationToken", StringComparison.Ordinal);
        var start = page.IndexOf("value=\"", at, StringComparison.Ordinal) + 7;
        return page[start..page.IndexOf('"', start)];
    }

    static async Task<T> SendAsync<T>(RunningDesk desk, HttpMethod method, string path, object? body)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = body is null ? null : JsonContent.Create(body, body.GetType()),
        };
        using var answer = await desk.Http.SendAsync(request, Stop);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync(Stop)}");
        return (await answer.Content.ReadFromJsonAsync<T>(Stop))!;
    }
}
