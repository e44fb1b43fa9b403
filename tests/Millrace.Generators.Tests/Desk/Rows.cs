using Millrace;

namespace Desk;

[Row("tickets")]
public sealed partial record TicketRow([Key] long Id, string Subject, string Status, int Priority, long CategoryId);

[Row("replies")]
public sealed partial record ReplyRow([Key] long Id, [ChildOf<TicketRow>] long TicketId, string Author, bool ByAgent);
