using Microsoft.CodeAnalysis;

namespace Millrace.Generators.Tests;

/// <summary>Five mistakes that somebody will make do not compile, each for its own reason.</summary>
public class LikelyMistakesTests
{
    private const string Header = """
        using System.Collections.Generic;
        using System.Threading;
        using System.Threading.Tasks;
        using Millrace;
        namespace Desk;
        [Row("invoices")] public sealed partial record InvoiceRow([Key] long Id, decimal Total);
        [Row("invoice_lines")] public sealed partial record LineRow([Key] long Id, [ChildOf<InvoiceRow>] long InvoiceId);
        public abstract record InvoiceEvent { public sealed record Sent : InvoiceEvent; }
        public sealed record Pay : ICommand<InvoiceEvent>;
        public sealed record NoCommand;
        public static class Mistake
        {
            static AggregateBuilder<TicketRow, TicketState, TicketEvent> Whole => (AggregateBuilder<TicketRow, TicketState, TicketEvent>)Ticket.Definition;

        """;

    [Fact]
    public void The_whole_application_compiles_without_a_warning() => Assert.Empty(Compiled.Of(Sources.Desk).Diagnostics);

    [Fact]
    public void A_decision_on_a_row_of_another_entity_does_not_compile() =>
        Fails(
            "CS0311",
            """
            static IEnumerable<TicketEvent> Decide(TicketState s, Change<InvoiceRow> c, Context<TicketRow> x) => [];
            static object Wrong => Whole.OnChange<InvoiceRow>(Decide);
            """,
            fixedBy: ("InvoiceRow", "ReplyRow")
        );

    [Fact]
    public void Reading_a_child_of_another_entity_does_not_compile() =>
        Fails("CS0311", "static int Wrong(Context<TicketRow> x) => x.Children<LineRow>().Count;", fixedBy: ("LineRow", "ReplyRow"));

    [Fact]
    public void Taking_a_command_of_another_aggregate_does_not_compile() =>
        Fails(
            "CS0311",
            """
            static Decision<TicketEvent> Decide(TicketState s, Pay c, Context<TicketRow> x) => [];
            static object Wrong => Whole.OnCommand<Pay>(Decide);
            """,
            fixedBy: ("Pay", "TicketCommand.Acknowledge")
        );

    [Fact]
    public void Sending_what_is_no_command_does_not_compile() =>
        Fails(
            "CS1503",
            "static Task Wrong(ICommands commands, NoCommand what) => commands.Send<TicketEvent>(1, what, CancellationToken.None);",
            fixedBy: ("NoCommand", "TicketCommand")
        );

    [Fact]
    public void Returning_what_is_no_event_does_not_compile() =>
        Fails(
            "CS0029",
            "static IEnumerable<TicketEvent> Wrong(TicketState s, Change<TicketRow> c) { yield return new InvoiceEvent.Sent(); }",
            fixedBy: ("InvoiceEvent.Sent()", "TicketEvent.Acknowledged(\"x\")")
        );

    // The mended line shows that it is the mistake, and nothing around it, that does not compile.
    private static void Fails(string id, string mistake, (string Wrong, string Right) fixedBy)
    {
        var errors = Compiled.Of([.. Sources.Desk, Header + mistake + "}"]).Errors.Select(d => d.Id).Distinct();
        Assert.Equal([id], errors);
        var mended = mistake.Replace(fixedBy.Wrong, fixedBy.Right, StringComparison.Ordinal);
        Assert.Empty(Compiled.Of([.. Sources.Desk, Header + mended + "}"]).Errors);
    }
}
