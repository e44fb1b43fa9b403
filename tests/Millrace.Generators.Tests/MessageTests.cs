namespace Millrace.Generators.Tests;

public class MessageTests
{
    private const string Header = """
        using Millrace;
        public record Happened;
        public abstract record Command : ICommand<Happened>
        {
            private Command() { }
            public sealed record First(int Number) : Command;
            public sealed record Second : Command;
            public abstract record Later : Command { public sealed record Third : Later; public sealed record Fourth : Later; }
        }
        public record Open : ICommand<Happened> { public sealed record Only : Open; }
        public abstract record Closed { private Closed() { } public sealed record One : Closed; public sealed record Two : Closed; }
        public static class Decisions
        {
            public static int Decide(Command c, Open o, Closed e)
            {
                
        """;

    [Theory]
    [InlineData("Second, Later", "return c switch { Command.First => 1, _ => 0 };")]
    [InlineData("Second, Later", "return c switch { Command.First(3) => 1, _ => 0 };")]
    [InlineData("Later", "return c switch { Command.First(var n) => n, Command.Second => 2, _ => 0 };")]
    [InlineData("Second", "switch (c) { case Command.First f: return f.Number; case Command.Later: return 1; default: return 0; }")]
    public void A_switch_says_which_commands_it_does_not_name(string missing, string code)
    {
        var found = Assert.Single(
            Compiled
                .Of(Header.Replace("public abstract record Later", "public record Later", StringComparison.Ordinal) + code + "} }")
                .Diagnostics
        );
        Assert.Equal("MILL301", found.Id);
        Assert.Contains($"does not name {missing};", found.GetMessage(null), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("return c switch { Command.First => 1, Command.Second or Command.Later => 2, _ => 0 };")]
    [InlineData("return c switch { Command.First { Number: 2 } => 1, Command.Second when o is null => 2, Command.Later => 3, _ => 0 };")]
    [InlineData("return o switch { Open.Only => 1, _ => 0 };")]
    [InlineData("return e switch { Closed.One => 1, _ => 0 };")]
    public void A_switch_that_names_all_or_is_over_something_else_is_let_be(string code) =>
        Assert.Empty(Compiled.Of(Header + code + "} }").Diagnostics);

    [Fact]
    public void What_the_JSON_context_does_not_know_is_named()
    {
        const string context = """
            using System.Text.Json.Serialization;
            namespace Desk;
            [JsonSerializable(typeof(TicketEvent)), JsonSerializable(typeof(TicketState)), JsonSerializable(typeof(OpenTicket)), JsonSerializable(typeof(Waiting))]
            public abstract class DeskJson() : JsonSerializerContext(null);
            """;
        var found = Compiled.Of([.. Sources.Desk, context]).Diagnostics;
        Assert.All(found, d => Assert.Equal("MILL302", d.Id));
        Assert.Equal(
            ["Rules", "TicketCommand"],
            found.Select(d => d.GetMessage(null).Split(' ')[0]).Distinct().Order(StringComparer.Ordinal)
        );
    }
}
