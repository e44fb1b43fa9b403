using System.Diagnostics;
using Millrace.TestServers;

namespace Millrace.Tool;

public class ScaffoldTests
{
    const string Shop = """
        CREATE TABLE orders (
          region CHAR(2) CHARACTER SET ascii NOT NULL, number INT UNSIGNED NOT NULL,
          `class` VARCHAR(20), `to-do` TEXT, order_status ENUM('new','paid') NOT NULL, total DECIMAL(10,2) NOT NULL, exact DECIMAL(40,2),
          paid TINYINT(1) NOT NULL, weight FLOAT, big BIGINT UNSIGNED, made DATE, at TIMESTAMP(3) NULL, took TIME, spot POINT, raw VARBINARY(9),
          doc JSON, definition INT, PRIMARY KEY (number, region));
        CREATE TABLE order_lines (
          id BIGINT PRIMARY KEY, order_number INT UNSIGNED NOT NULL, order_region CHAR(2) CHARACTER SET ascii NOT NULL, sku VARCHAR(20) NULL,
          FOREIGN KEY (order_number, order_region) REFERENCES orders (number, region) ON DELETE CASCADE);
        CREATE TABLE strangers (id INT PRIMARY KEY)
        """;

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task What_is_written_compiles_and_its_tests_pass(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync(Shop);
        using var folder = new Folder();

        var run = await Scaffold(database, folder);
        Assert.Equal(0, run.ExitCode);
        var rows = await File.ReadAllTextAsync(Path.Combine(folder.Path, "Shop", "Rows.cs"), TestContext.Current.CancellationToken);
        Assert.Contains("[Key] uint Number,\n    [Key] string Region,\n    string? Class,\n    [Column(\"to-do\")] string? ToDo,", rows);
        Assert.Contains("[Column(\"definition\")] int? DefinitionValue", rows);
        Assert.Contains("// spot point has no form", rows);
        Assert.Contains("[ChildOf<OrderRow>] uint OrderNumber,\n    [ChildOf<OrderRow>] string OrderRegion,", rows);
        Assert.DoesNotContain("Stranger", rows);

        using var tests = Process.Start(
            new ProcessStartInfo("dotnet", ["run", "--project", Path.Combine(folder.Path, "Shop.Tests"), "-v", "quiet"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var output = tests.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await tests.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tests.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(tests.ExitCode == 0, await output + errors);
        Assert.Contains("succeeded: 5", await output);
    }

    [Fact]
    public async Task Run_again_it_touches_nothing_and_says_what_has_drifted()
    {
        var server = await MariaDbServer.SharedAsync();
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync(Shop);
        using var folder = new Folder();
        await Scaffold(database, folder);
        Assert.Contains("The records are as the tables are.", (await Scaffold(database, folder)).Output);

        // The owner's own hand: an enum for a string, a wider integer, a record in a file of its own, a test gone.
        var rows = Path.Combine(folder.Path, "Shop", "Rows.cs");
        var text = (await File.ReadAllTextAsync(rows, TestContext.Current.CancellationToken))
            .Replace("string OrderStatus", "Status OrderStatus")
            .Replace("uint OrderNumber", "long OrderNumber");
        await File.WriteAllTextAsync(rows, text, TestContext.Current.CancellationToken);
        File.Move(rows, Path.Combine(folder.Path, "Shop", "Tables.cs"));
        File.Delete(Path.Combine(folder.Path, "Shop.Tests", "OrderTests.cs"));
        var before = folder.Content();
        Assert.Contains("The records are as the tables are.", (await Scaffold(database, folder)).Output);

        await database.ExecuteAsync(
            "ALTER TABLE orders DROP `to-do`, MODIFY total BIGINT NULL, ADD note TEXT; ALTER TABLE order_lines ADD qty INT NOT NULL; "
                + "CREATE TABLE order_notes (id INT PRIMARY KEY, n INT UNSIGNED, r CHAR(2) CHARACTER SET ascii, FOREIGN KEY (n, r) REFERENCES orders (number, region))"
        );
        var drift = await Scaffold(database, folder);

        Assert.Equal(1, drift.ExitCode);
        Assert.Contains(
            "drift: orders.to-do: OrderRow.ToDo maps a column that is gone; remove it, or name the column with [Column]",
            drift.Lines
        );
        Assert.Contains("drift: orders.total: the column can be NULL, OrderRow.Total cannot; make it decimal?", drift.Lines);
        Assert.Contains("new: orders.note: OrderRow does not map the column; it would be `string? Note`", drift.Lines);
        Assert.Contains("new: order_lines.qty: OrderLineRow does not map the column; it would be `int Qty`", drift.Lines);
        Assert.Contains("[Row(\"order_notes\")]", drift.Lines);
        Assert.Equal(before, folder.Content());
    }

    [Fact]
    public async Task A_root_that_is_not_there_or_has_no_key_is_named()
    {
        var server = await MariaDbServer.SharedAsync();
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE keyless (n INT)");
        using var folder = new Folder();
        var missing = await ToolRun.Of("scaffold", "--mysql", database.ConnectionString, "--root", "tickets", "--out", folder.Path);
        Assert.Equal(2, missing.ExitCode);
        Assert.Contains("there is no table tickets", missing.Errors);
        var keyless = await ToolRun.Of("scaffold", "--mysql", database.ConnectionString, "--root", "keyless", "--out", folder.Path);
        Assert.Equal(2, keyless.ExitCode);
        Assert.Contains("no primary key", keyless.Errors);
        Assert.Empty(folder.Content());
    }

    static Task<ToolRun> Scaffold(TestDatabase database, Folder folder) =>
        ToolRun.Of("scaffold", "--mysql", database.ConnectionString, "--root", "orders", "--out", folder.Path, "--name", "Shop");

    sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("millrace-scaffold-").FullName;

        public string[] Content() =>
            [
                .. Directory
                    .EnumerateFiles(Path, "*", SearchOption.AllDirectories)
                    .Order(StringComparer.Ordinal)
                    .Select(file => file + File.ReadAllText(file)),
            ];

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
