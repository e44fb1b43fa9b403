using System.CommandLine;
using Millrace.MySql.Doctor;
using Millrace.MySql.Rows;
using MySqlConnector;
using Spectre.Console;

namespace Millrace.Tool;

/// <summary><c>millrace doctor</c>: whether a server can be captured, and what mends it where it cannot.</summary>
internal static class DoctorCommand
{
    public static Command Create(TextWriter output)
    {
        var mysql = CommandLine.MySqlOption();
        var table = CommandLine.TableOption();
        var exclude = CommandLine.ExcludeOption();
        var mask = CommandLine.MaskOption();
        var command = new Command(
            "doctor",
            "Checks whether a server, an account and its tables can be captured, and says what mends what is wrong."
        )
        {
            mysql,
            table,
            exclude,
            mask,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var address = CommandLine.Address(parsed.GetValue(mysql));
                // No value is hashed here, so any secret will do.
                var rules = CommandLine.Rules(parsed.GetValue(exclude), parsed.GetValue(mask), "no value is hashed here");
                var tables = await Tables(address, parsed.GetValue(table) ?? [], rules, stop);
                var diagnosis = await MySqlDoctor.ExamineAsync(address.ConnectionString, tables, stop);
                Print(Terminal(output), diagnosis);
                return diagnosis.Fails ? 1 : 0;
            }
        );
        return command;
    }

    /// <summary>The tables asked for with their rules; null for all of the database when there are no rules.</summary>
    static async Task<DoctorTable[]?> Tables(MySqlConnectionStringBuilder address, string[] names, TableRules rules, CancellationToken stop)
    {
        if (names.Length == 0 && !rules.Tables.Any())
            return null;
        if (names.Length == 0)
        {
            await using var sql = new MySqlConnection(address.ConnectionString);
            await sql.OpenAsync(stop);
            names = await CommandLine.TablesOf(sql, address.Database, stop);
        }
        CommandLine.MustFit(rules, address.Database, names);
        return [.. names.Select(name => new DoctorTable(name, Rules: rules.Of(address.Database, name)))];
    }

    static IAnsiConsole Terminal(TextWriter output)
    {
        var isTerminal = output == Console.Out && !Console.IsOutputRedirected;
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No }
        );
        // Statements are there to be copied: no line breaks but the terminal's own.
        console.Profile.Width = 10_000;
        return console;
    }

    static void Print(IAnsiConsole console, Diagnosis diagnosis)
    {
        console.MarkupLineInterpolated($"[bold]{diagnosis.Server}[/]");
        foreach (var finding in diagnosis.Findings)
        {
            var (word, color) = finding.Level switch
            {
                FindingLevel.Ok => ("ok  ", "green"),
                FindingLevel.Warning => ("warn", "yellow"),
                _ => ("fail", "red"),
            };
            console.MarkupLine($"[{color}]{word}[/]  [bold]{Markup.Escape(finding.Check)}[/]: {Markup.Escape(finding.Message)}");
            if (finding.Remedy is { } remedy)
                console.MarkupLine($"      mend: {Markup.Escape(remedy)}");
        }
        console.WriteLine();
        console.MarkupLine("An account that may do this and nothing else:");
        foreach (var line in diagnosis.LeastPrivilege.Split('\n'))
            console.MarkupLine($"      {Markup.Escape(line)}");
        console.WriteLine();
        int Count(FindingLevel level) => diagnosis.Findings.Count(finding => finding.Level == level);
        console.MarkupLine(
            diagnosis.Fails
                ? $"[red]Capturing cannot work: {Count(FindingLevel.Failure)} to mend, {Count(FindingLevel.Warning)} warnings.[/]"
                : $"[green]Capturing can work.[/] {Count(FindingLevel.Warning)} warnings."
        );
    }
}
