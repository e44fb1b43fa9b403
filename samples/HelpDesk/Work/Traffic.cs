using System.Diagnostics;
using System.Net;

namespace HelpDesk.Work;

/// <summary>
/// A day at the desk, made of requests to its own API: tickets are opened, now and then in a burst of one category; agents answer after a
/// while, some urgent tickets never; priorities change, tickets are tagged anew, replies land on the wrong ticket and are moved; things are
/// solved, closed, and sometimes deleted.
/// </summary>
/// <remarks>
/// Time inside is counted in requests, so one seed makes the same choices at any rate.
/// </remarks>
public sealed class Traffic(HttpClient http, int seed, double rate, Action<string> say)
{
    static readonly string[] Things = ["Laptop", "Printer", "VPN", "Mailbox", "Phone", "Badge", "Screen", "Account", "Backup", "Share"];
    static readonly string[] Troubles =
    [
        "does not start",
        "is slow",
        "is gone",
        "asks for a password",
        "is locked",
        "makes noise",
        "is full",
    ];
    static readonly string[] Tags = ["vpn", "laptop", "onboarding", "vip", "remote", "security", "warranty", "known-problem"];
    static readonly string[] Customers =
    [
        "Maria Lind",
        "Jonas Petit",
        "Aiko Mori",
        "Samir Haddad",
        "Olga Ivanova",
        "Tom Reed",
        "Lena Vogt",
    ];

    readonly Random random = new(seed);
    readonly PriorityQueue<Func<Task>, (long Step, long Order)> later = new();
    readonly List<Open> open = [];
    Category[] categories = [];
    Agent[] agents = [];
    long step;
    long order;
    int burst;
    long burstCategory;

    sealed class Open(Ticket ticket)
    {
        public long Id => ticket.Id;
        public int Priority { get; set; } = ticket.Priority;
        public string Customer => ticket.OpenedBy;
        public long LastReply { get; set; }
    }

    public async Task RunAsync(CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        var troubled = false;
        try
        {
            while (true)
            {
                var due = TimeSpan.FromSeconds(step / rate) - clock.Elapsed;
                if (due > TimeSpan.Zero)
                    await Task.Delay(due, stop);
                stop.ThrowIfCancellationRequested();
                try
                {
                    if (categories.Length == 0)
                        await MeetAsync();
                    await WorkAsync();
                    if (troubled)
                        say("traffic: the help desk answers again");
                    troubled = false;
                }
                catch (HttpRequestException e)
                    when (e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest or HttpStatusCode.Conflict)
                {
                    // Somebody else deleted or changed what was to be worked on; that is life at a desk.
                }
                catch (HttpRequestException e)
                {
                    if (!troubled)
                        say($"traffic: the help desk does not answer ({e.Message}); trying again every second");
                    troubled = true;
                    await Task.Delay(TimeSpan.FromSeconds(1), stop);
                }
                step++;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            say($"traffic: {step:N0} requests");
        }
    }

    async Task MeetAsync()
    {
        agents = await GetAsync<Agent[]>("/api/agents");
        foreach (var line in await GetAsync<TicketLine[]>("/api/tickets?limit=200"))
            open.Add(new Open((await GetAsync<TicketDetails>($"/api/tickets/{line.Id}")).Ticket));
        categories = await GetAsync<Category[]>("/api/categories");
        if (agents.Length == 0 || categories.Length == 0)
            throw new InvalidOperationException("The help desk has no agents or no categories; there is no work to do.");
    }

    Task WorkAsync()
    {
        if (burst > 0)
        {
            burst--;
            return OpenAsync(burstCategory);
        }
        if (later.TryPeek(out var work, out var at) && at.Step <= step)
        {
            later.Dequeue();
            return work();
        }
        if (open.Count < 5)
            return OpenAsync(Pick(categories).Id);
        var ticket = Pick(open);
        switch (random.Next(100))
        {
            case < 1 when step > 100:
                burst = random.Next(22, 40);
                burstCategory = Pick(categories).Id;
                return OpenAsync(burstCategory);
            case < 50:
                return OpenAsync(Pick(categories).Id);
            case < 62:
                return PrioritizeAsync(ticket, random.Next(1, 5));
            case < 72:
                return SendAsync<TicketDetails>(HttpMethod.Put, $"/api/tickets/{ticket.Id}/tags", new TagSet(SomeTags()));
            case < 82:
                return ReplyAsync(ticket, ticket.Customer, false, "Is there any news?");
            case < 90:
                return SendAsync<TicketDetails>(
                    HttpMethod.Put,
                    $"/api/tickets/{ticket.Id}/assignee",
                    new Assignment(random.Next(5) == 0 ? null : Pick(agents).Id)
                );
            case < 96:
                return MoveAsync(ticket, Pick(open));
            default:
                open.Remove(ticket);
                return SendAsync<TicketDetails>(HttpMethod.Delete, $"/api/tickets/{ticket.Id}", null);
        }
    }

    async Task OpenAsync(long category)
    {
        var priority = random.Next(100) switch
        {
            < 25 => 1,
            < 75 => 2,
            < 92 => 3,
            _ => 4,
        };
        var customer = Pick(Customers);
        var ticket = new NewTicket(
            $"{Pick(Things)} {Pick(Troubles)}",
            priority,
            category,
            customer,
            random.Next(3) == 0 ? null : "It happened again this morning.",
            SomeTags()
        );
        var opened = new Open((await SendAsync<TicketDetails>(HttpMethod.Post, "/api/tickets", ticket)).Ticket);
        open.Add(opened);
        // One in eight is forgotten: no agent ever answers it, however urgent it is.
        if (random.Next(8) > 0)
            After(priority == 4 ? 60 : 300, () => AnswerAsync(opened));
    }

    async Task AnswerAsync(Open ticket)
    {
        await ReplyAsync(ticket, Pick(agents).Name, true, "We are looking into it.");
        switch (random.Next(10))
        {
            case < 3:
                After(120, () => ReplyAsync(ticket, ticket.Customer, false, "Thank you, that helped a little."));
                After(400, () => AnswerAsync(ticket));
                break;
            case < 5:
                After(100, () => ChangeAsync(ticket, new TicketChanges(Status: "waiting")));
                After(500, () => ResolveAsync(ticket));
                break;
            default:
                After(300, () => ResolveAsync(ticket));
                break;
        }
    }

    async Task ResolveAsync(Open ticket)
    {
        // Solving sometimes moves two things in one update.
        await ChangeAsync(ticket, new TicketChanges(Status: "resolved", Priority: random.Next(4) == 0 ? 1 : null));
        if (random.Next(10) == 0)
        {
            After(150, () => ReplyAsync(ticket, ticket.Customer, false, "It is not solved yet."));
            After(400, () => ResolveAsync(ticket));
            return;
        }
        open.Remove(ticket);
        After(400, () => ChangeAsync(ticket, new TicketChanges(Status: "closed")));
    }

    async Task PrioritizeAsync(Open ticket, int priority)
    {
        await ChangeAsync(ticket, new TicketChanges(Priority: priority));
        ticket.Priority = priority;
    }

    Task<TicketDetails> ChangeAsync(Open ticket, TicketChanges changes) =>
        SendAsync<TicketDetails>(HttpMethod.Patch, $"/api/tickets/{ticket.Id}", changes);

    async Task ReplyAsync(Open ticket, string author, bool byAgent, string body)
    {
        var reply = await SendAsync<Reply>(HttpMethod.Post, $"/api/tickets/{ticket.Id}/replies", new NewReply(author, byAgent, body));
        ticket.LastReply = reply.Id;
    }

    async Task MoveAsync(Open from, Open to)
    {
        if (from.LastReply == 0 || from == to)
        {
            await ReplyAsync(from, from.Customer, false, "One more thing.");
            return;
        }
        await SendAsync<Reply>(HttpMethod.Put, $"/api/replies/{from.LastReply}/ticket", new ReplyMove(to.Id));
        (to.LastReply, from.LastReply) = (from.LastReply, 0);
    }

    /// <summary>Plans work for later; the delay varies around the mean as waiting times do.</summary>
    void After(double meanSteps, Func<Task> work) =>
        later.Enqueue(work, (step + 1 + (long)(-Math.Log(1 - random.NextDouble()) * meanSteps), order++));

    string[] SomeTags() => [.. Tags.Where(_ => random.Next(6) == 0)];

    T Pick<T>(IReadOnlyList<T> of) => of[random.Next(of.Count)];

    async Task<T> GetAsync<T>(string path) => (await http.GetFromJsonAsync<T>(path))!;

    async Task<T> SendAsync<T>(HttpMethod method, string path, object? body)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = body is null ? null : JsonContent.Create(body, body.GetType()),
        };
        using var answer = await http.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<T>())!;
    }
}
