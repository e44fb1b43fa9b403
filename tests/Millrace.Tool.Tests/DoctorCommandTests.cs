using Millrace.TestServers;

namespace Millrace.Tool;

public class DoctorCommandTests
{
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Each_line_says_how_it_stands_and_what_mends_it_and_the_exit_code_follows(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE good (id INT PRIMARY KEY); CREATE TABLE bad (n INT)");

        var one = await ToolRun.Of("doctor", "--mysql", database.ConnectionString, "--table", "good");
        Assert.Equal(0, one.ExitCode);
        Assert.Contains("ok    table good: 1 columns, key (id)", one.Lines);
        Assert.Contains("Capturing can work.", one.Output);

        var all = await ToolRun.Of("doctor", "--mysql", database.ConnectionString);
        Assert.Equal(1, all.ExitCode);
        var line = Array.IndexOf(all.Lines, "fail  table bad: has no primary key: its rows cannot be told apart");
        Assert.StartsWith($"      mend: ALTER TABLE `{database.Name}`.`bad` ADD PRIMARY KEY", all.Lines[line + 1]);
        Assert.Contains("      CREATE USER 'millrace'@'%' IDENTIFIED BY 'a password of its own';", all.Lines);
    }

    [Fact]
    public async Task Without_a_server_or_a_database_it_says_what_to_give()
    {
        Assert.Contains("Database=", (await ToolRun.Of("doctor", "--mysql", "Server=127.0.0.1")).Errors);
        Assert.Contains("MILLRACE_SERVER", (await ToolRun.Of("doctor")).Errors);
    }
}
