using System.Diagnostics;
using System.Globalization;
using System.Text;
using Dapper;
using MySqlConnector;

namespace HelpDesk.Work;

/// <summary>
/// Fills the tables with tickets that have a past, in large statements: most of them long solved, some open, a few urgent and unanswered, and
/// two rushes of one category: one over hours ago, one in the last 40 minutes.
/// </summary>
public sealed class SeedTickets(MySqlDataSource source, Action<string> say)
{
    const int Batch = 1000;
    const int Rush = 30;

    public async Task RunAsync(int count, int seed, DateTime now, CancellationToken stop)
    {
        var random = new Random(seed);
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond));
        await Database.EnsurePeopleAsync(source, stop);
        await using var connection = await source.OpenConnectionAsync(stop);
        var categories = (await connection.QueryAsync<long>("SELECT id FROM categories ORDER BY id")).ToArray();
        var agents = (await connection.QueryAsync<(long Id, string Name)>("SELECT id, name FROM agents ORDER BY id")).ToArray();
        // Ids of one insert are consecutive, in steps that a cluster may have set to more than 1.
        var step = await connection.ExecuteScalarAsync<long>("SELECT @@auto_increment_increment");
        var (replies, tags) = (0, 0);
        var told = Stopwatch.StartNew();
        for (var done = 0; done < count; )
        {
            var past = Enumerable
                .Range(done, Math.Min(Batch, count - done))
                .Select(n => Past.Of(n, count, random, now, categories, agents))
                .ToArray();
            await using var transaction = await connection.BeginTransactionAsync(stop);
            var first = await InsertAsync(
                "INSERT INTO tickets (subject, status, priority, category_id, assignee_id, opened_by, opened_at, updated_at) VALUES ",
                past.Select(p => p.Ticket)
            );
            var replyRows = past.SelectMany((p, i) => p.Replies.Select(reply => $"({first + i * step}, {reply})")).ToArray();
            var tagRows = past.SelectMany((p, i) => p.Tags.Select(tag => $"({first + i * step}, '{tag}')")).ToArray();
            await InsertAsync("INSERT INTO replies (ticket_id, author, by_agent, body, created_at) VALUES ", replyRows);
            await InsertAsync("INSERT INTO ticket_tags (ticket_id, tag) VALUES ", tagRows);
            await transaction.CommitAsync(stop);
            done += past.Length;
            replies += replyRows.Length;
            tags += tagRows.Length;
            if (told.Elapsed > TimeSpan.FromSeconds(2))
            {
                say($"seed: {done:N0} of {count:N0} tickets");
                told.Restart();
            }

            async Task<long> InsertAsync(string head, IEnumerable<string> values)
            {
                var sql = new StringBuilder(head).AppendJoin(",\n", values);
                return sql.Length == head.Length
                    ? 0
                    : await connection.ExecuteScalarAsync<long>($"{sql}; SELECT LAST_INSERT_ID()", null, transaction);
            }
        }
        say(
            $"seed: done. {count:N0} tickets, {replies:N0} replies, {tags:N0} tags, with a past that ends at {now:yyyy-MM-dd HH:mm:ss} UTC"
        );
    }

    /// <summary>One ticket's past as values of SQL; every text in it is made here, from words that need no quoting.</summary>
    sealed record Past(string Ticket, List<string> Replies, string[] Tags)
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
        static readonly string[] Words = ["vpn", "laptop", "onboarding", "vip", "remote", "security", "warranty"];

        public static Past Of(int n, int count, Random random, DateTime now, long[] categories, (long Id, string Name)[] agents)
        {
            // The last two lots of tickets are the rushes; of a small count they would be most of it, so there are none then.
            var rush =
                count < 20 * Rush ? 0
                : n >= count - Rush ? 1
                : n >= count - 2 * Rush ? 2
                : 0;
            var age = rush switch
            {
                1 => TimeSpan.FromMinutes(random.NextDouble() * 40),
                2 => TimeSpan.FromMinutes(180 + random.NextDouble() * 40),
                _ => TimeSpan.FromMinutes(2 + -Math.Log(1 - random.NextDouble()) * 60 * 24 * 60), // 60 days in the mean
            };
            var openedAt = now - age;
            var priority = random.NextDouble() switch
            {
                < 0.25 => 1,
                < 0.80 => 2,
                < 0.96 => 3,
                _ => 4,
            };
            var solved = rush == 0 && random.NextDouble() < Math.Min(0.97, age.TotalDays / 2);
            var answered = solved || random.NextDouble() < (priority == 4 ? 0.8 : 0.6);
            var status =
                solved ? (random.NextDouble() < 0.9 ? "closed" : "resolved")
                : answered ? (random.NextDouble() < 0.7 ? "open" : "waiting")
                : "new";
            var category = rush == 0 ? categories[random.Next(categories.Length)] : categories[(rush - 1) % categories.Length];
            var agent = agents[random.Next(agents.Length)];
            var customer = $"Customer {random.Next(1, 2000)}";

            var replies = new List<string> { Reply(customer, false, "It happened again this morning.", openedAt) };
            var updatedAt = openedAt;
            if (answered)
                for (int turns = random.Next(1, 5), turn = 0; turn < turns; turn++)
                {
                    updatedAt += (now - updatedAt) * random.NextDouble() * 0.3;
                    replies.Add(
                        turn % 2 == 0
                            ? Reply(agent.Name, true, "We are looking into it.", updatedAt)
                            : Reply(customer, false, "Thank you.", updatedAt)
                    );
                }
            var subject = $"{Things[random.Next(Things.Length)]} {Troubles[random.Next(Troubles.Length)]}";
            var assignee = answered ? agent.Id.ToString(CultureInfo.InvariantCulture) : "NULL";
            return new Past(
                $"('{subject}', '{status}', {priority}, {category}, {assignee}, '{customer}', {Time(openedAt)}, {Time(updatedAt)})",
                replies,
                [.. Words.Where(_ => random.Next(7) == 0)]
            );
        }

        // Agents' names are people's input: the one text here that has to be quoted.
        static string Reply(string author, bool byAgent, string body, DateTime at) =>
            $"'{MySqlHelper.EscapeString(author)}', {(byAgent ? 1 : 0)}, '{body}', {Time(at)}";

        static string Time(DateTime time) => time.ToString("\\'yyyy-MM-dd HH:mm:ss.fff\\'", CultureInfo.InvariantCulture);
    }
}
