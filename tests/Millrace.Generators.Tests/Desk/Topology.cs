using System.Text.Json.Serialization;
using Millrace;

namespace Desk;

[JsonSerializable(typeof(TicketEvent))]
[JsonSerializable(typeof(TicketCommand))]
[JsonSerializable(typeof(TicketState))]
[JsonSerializable(typeof(OpenTicket))]
[JsonSerializable(typeof(Rules))]
[JsonSerializable(typeof(Waiting))]
public sealed partial class DeskJson : JsonSerializerContext;

public static class Application
{
    public static readonly Topology Topology = Topology
        .Named("helpdesk")
        .Json(DeskJson.Default)
        .Add(Ticket.Definition)
        .Add(OpenTickets.Definition)
        .Add(Reactions.Unanswered)
        .Add(Reactions.CategoryRush);
}
