using System.Collections.Immutable;
using Millrace;
using static HelpDesk.Reactive.TicketEvent;

namespace HelpDesk.Reactive;

/// <summary>A line of the list a support lead has open all day.</summary>
public sealed record OpenTicket(string Subject, int Priority, string Status, string Category, DateTimeOffset Since, string? SeenBy = null)
{
    public static OpenTicket Of(TicketCard card) => new(card.Subject, card.Priority, card.Status, card.Category, card.OpenedAt);
}

public static class OpenTickets
{
    public static readonly ViewIndex<OpenTicket, (int, DateTimeOffset)> ByPriority = new("by-priority", t => (-t.Priority, t.Since));
    public static readonly ViewIndex<OpenTicket, DateTimeOffset> ByAge = new("by-age", t => t.Since);

    public static readonly View<OpenTicket> Definition = View.Named("open-tickets")
        .Of(Ticket.Definition)
        .PerEntity()
        .Document<OpenTicket>(Apply)
        .Index(ByPriority)
        .Index(ByAge);

    static OpenTicket? Apply(OpenTicket? ticket, TicketEvent e, Context context) =>
        e switch
        {
            Arrived({ Status: not ("resolved" or "closed") } card) => OpenTicket.Of(card),
            Reopened(var card) => OpenTicket.Of(card),
            Resolved or Closed or Deleted => null,
            Described(var subject, var category) => ticket is null ? null : ticket with { Subject = subject, Category = category },
            Prioritized(_, var to) => ticket is null ? null : ticket with { Priority = to },
            Progressed(var status) => ticket is null ? null : ticket with { Status = status },
            Acknowledged(var by) => ticket is null ? null : ticket with { SeenBy = by },
            _ => ticket,
        };
}

/// <summary>One ticket: what hangs on it, and the last things that happened. The whole story is in the event log.</summary>
public sealed record TicketStory(int Replies, int AgentReplies, ImmutableList<string> Tags, ImmutableList<StoryLine> Last);

public sealed record StoryLine(DateTimeOffset At, TicketEvent What);

public static class Stories
{
    const int Longest = 50; // a document that grew with every reply would cost more with every reply

    public static readonly View<TicketStory> Definition = View.Named("ticket-story")
        .Of(Ticket.Definition)
        .PerEntity()
        .Document<TicketStory>(Apply);

    static TicketStory? Apply(TicketStory? story, TicketEvent e, Context context)
    {
        if (e is Deleted)
            return null;
        story ??= new TicketStory(0, 0, [], []);
        var (all, byAgents) = e.Replies();
        var last = story.Last.Count < Longest ? story.Last : story.Last.RemoveAt(0);
        var tags = e switch
        {
            Tagged(var tag) => story.Tags.Add(tag),
            Untagged(var tag) => story.Tags.Remove(tag),
            _ => story.Tags,
        };
        return new TicketStory(story.Replies + all, story.AgentReplies + byAgents, tags, last.Add(new StoryLine(context.Time, e)));
    }
}
