using System.Text.Json.Serialization;
using Millrace;

namespace HelpDesk.Reactive;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(TicketEvent))]
[JsonSerializable(typeof(TicketCommand))]
[JsonSerializable(typeof(TicketState))]
[JsonSerializable(typeof(OpenTicket))]
[JsonSerializable(typeof(TicketStory))]
[JsonSerializable(typeof(Urgency))]
[JsonSerializable(typeof(Rules))]
public sealed partial class DeskJson : JsonSerializerContext;

/// <summary>The whole application as one value: for the host, the tests and the tools.</summary>
public static class Desk
{
    public static readonly Topology Topology = Topology
        .Named("helpdesk")
        .Json(DeskJson.Default)
        .Add(Ticket.Definition)
        .Add(OpenTickets.Definition)
        .Add(Stories.Definition)
        .Add(Reactions.Unanswered)
        .Add(Reactions.CategoryRush);
}
