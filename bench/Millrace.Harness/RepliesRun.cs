using System.Text;
using System.Text.Json.Serialization;
using Millrace.Sources;

namespace Millrace.Harness;

[Row("tickets")]
public sealed partial record TalkRow([Key] long Id, string Subject);

[Row("replies")]
public sealed partial record TalkReplyRow([Key] long Id, [ChildOf<TalkRow>] long TicketId, string Author, string Body);

[JsonDerivedType(typeof(Opened), "opened")]
[JsonDerivedType(typeof(Replied), "replied")]
public abstract record TalkEvent
{
    public sealed record Opened(string Subject) : TalkEvent;

    public sealed record Replied(string By, string Subject, int Replies) : TalkEvent;
}

public sealed record TalkState(int Replies);

[JsonSerializable(typeof(TalkEvent))]
[JsonSerializable(typeof(TalkState))]
public sealed partial class TalkJson : JsonSerializerContext;

/// <summary>
/// As many replies over tickets with 10 each, and all on one ticket: a reply costs the same. One partition in both, since one ticket is in one.
/// </summary>
internal static class RepliesRun
{
    private static readonly Aggregate<TalkEvent> Talk = Aggregate
        .Named("talk")
        .Root<TalkRow>()
        .Publishes<TalkEvent>()
        .State(new TalkState(0), (state, e, _) => e is TalkEvent.Replied ? new TalkState(state.Replies + 1) : state)
        .OnChange<TalkRow>((_, change, _) => change.Before is null ? [new TalkEvent.Opened(change.After!.Subject)] : [])
        .OnChange<TalkReplyRow>(
            (_, change, context) =>
                change is (null, { } reply)
                    ? [new TalkEvent.Replied(reply.Author, context.Root.Subject, context.Children<TalkReplyRow>().Count)]
                    : []
        );

    public static async Task RunAsync(string folder, int replies)
    {
        // The first two warm the code up.
        for (var run = 0; run < 4; run++)
        {
            var each = run % 2 == 0 ? 10 : replies;
            await using var engine = EmbeddedEngine.Open(new EmbeddedOptions { Folder = Path.Combine(folder, $"{run}") });
            await using var runtime = DecidingRun.Of(Topology.Named("talk").Json(TalkJson.Default).Add(Talk), engine, partitions: 1);
            await runtime.PrepareAsync(CancellationToken.None);
            await LoadAsync(runtime.Captures[0], replies, each);
            var measured = await DecidingRun.MeasureAsync(engine, runtime, runtime.Groups[0], replies + replies / each);
            if (run > 1)
            {
                Console.WriteLine($"replies {replies}, {each} a ticket: {measured}");
            }
        }
    }

    private static async Task LoadAsync(Capture capture, int replies, int each)
    {
        string[] ticketColumns = ["id", "subject"];
        string[] replyColumns = ["id", "ticket_id", "author", "body"];
        var tickets = capture.Bind(capture.Tables.Single(table => table.Name == "tickets"), ticketColumns, []);
        var answers = capture.Bind(capture.Tables.Single(table => table.Name == "replies"), replyColumns, []);
        var row = new byte[512];
        var batch = capture.Begin();
        var transactions = 0;
        for (var i = 0; i < replies; i++)
        {
            // Ids of one width, so that both runs move the same bytes.
            var ticket = 1_000_000 + i / each;
            if (i % each == 0)
            {
                Insert(tickets, ticketColumns, [$"{ticket}", "\"Cannot log in to the store since Monday\""]);
            }
            Insert(answers, replyColumns, [$"{1_000_000 + i}", $"{ticket}", "\"agent17\"", "\"We are looking into it and will be back.\""]);
            if (batch.Bytes > 256 * 1024)
            {
                await batch.CommitAsync(CancellationToken.None);
                batch = capture.Begin();
            }
        }
        await batch.CommitAsync(CancellationToken.None);

        void Insert(BoundTable table, string[] columns, string[] values)
        {
            var cells = new RowCell[columns.Length];
            var length = DecidingRun.Write(row, cells, columns, values);
            transactions++;
            batch.BeginTransaction(
                Encoding.UTF8.GetBytes($"0-1-{1_000_000 + transactions}"),
                new SourcePosition(1, 1, transactions),
                (1795430413000L + transactions) * 1000
            );
            batch.Insert(table, new RowImage(row.AsSpan(0, length), cells));
            batch.End();
        }
    }
}
