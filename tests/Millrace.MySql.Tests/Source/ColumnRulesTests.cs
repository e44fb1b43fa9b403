using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Sources;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Source;

/// <summary>Columns that are excluded or masked at the source: everything that a capture was handed is searched for their values.</summary>
public sealed class ColumnRulesTests
{
    const string Secret = "a secret of the test, long enough";

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static async Task<TestDatabase> Customers(ServerKind kind)
    {
        var database = await (await DatabaseServer.SharedAsync(kind)).CreateDatabaseAsync();
        await database.ExecuteAsync(
            """
            CREATE TABLE customers (id INT PRIMARY KEY, v INT NOT NULL, ssn VARCHAR(20), email VARCHAR(80), name VARCHAR(80), place POINT,
              born DATE, secret_note TEXT)
            """
        );
        return database;
    }

    static MySqlSource Source(TestDatabase database, Action<MySqlSourceOptions> configure)
    {
        var options = new MySqlSourceOptions { ConnectionString = database.ConnectionString, MaskSecret = Secret };
        configure(options);
        return new MySqlSource("desk", options, TimeProvider.System, NullLogger.Instance);
    }

    static MySqlSourceOptions Rules(MySqlSourceOptions options) =>
        options
            .Exclude("customers.ssn")
            .Exclude("CUSTOMERS.place")
            .Mask("customers.email")
            .Mask("customers.Born")
            .Mask("customers.name", "***")
            .Mask("customers.secret_note");

    static RecordingCapture CaptureOf(string table = "customers") =>
        new(new CapturedTable(table, ["id"], ["id"], ["id", "email"], ["email"]));

    /// <summary>What the option promises, by itself: HMAC of the JSON value under a key of the column, its first half in hexadecimal.</summary>
    static string Hash(string column, string json)
    {
        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes(column));
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(json)))[..32];
    }

    [Theory]
    [InlineData(ServerKind.MariaDb, "FULL")]
    [InlineData(ServerKind.MySql, "FULL")]
    [InlineData(ServerKind.MariaDb, "NOBLOB")]
    [InlineData(ServerKind.MySql, "MINIMAL")]
    public async Task Excluded_and_masked_values_are_in_nothing_that_is_handed_over(ServerKind kind, string image)
    {
        await using var database = await Customers(kind);
        await database.ExecuteAsync(
            "INSERT INTO customers VALUES (1, 1, 'SSN-plain-1', 'ann@plain.test', 'Ann Plain', POINT(1, 2), '1971-03-04', NULL)"
        );
        var capture = CaptureOf();
        var source = new RunningSource(capture, database, Source(database, options => Rules(options)));
        await using (source)
        {
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
            await database.ExecuteAsync(
                $"""
                SET SESSION binlog_row_image = '{image}';
                INSERT INTO customers VALUES (2, 1, 'SSN-plain-2', 'bob@plain.test', 'Bob Plain', NULL, NULL, 'plain note');
                UPDATE customers SET v = 2, secret_note = 'plain news' WHERE id = 1;
                INSERT INTO customers VALUES (3, 1, 'SSN-plain-1', 'ann@plain.test', 'Ann Plain', POINT(1, 2), '1971-03-04', NULL);
                UPDATE customers SET ssn = 'SSN-plain-4', v = 5 WHERE id = 3;
                """
            );
            await source.Until(() => capture.Rows("customers").Count == 3 && V(capture, "3") == 5, "the changes should come");
        }

        var handedOver = capture.Everything();
        Assert.DoesNotContain("plain", handedOver, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("1971", handedOver);
        var facts = capture.FactsOf("customers");
        var (shown, streamed) = (facts.First(f => f.Key == "1"), facts.First(f => f.Key == "3"));
        Assert.True(shown.FromSnapshot && !streamed.FromSnapshot);
        // One form of the same row from snapshot and stream; NULL stays NULL.
        Assert.Equal(shown.After!.Replace("\"id\":1", "\"id\":3"), streamed.After);
        Assert.Equal(
            $$"""{"id":1,"v":1,"email":"{{Hash("customers.email", "\"ann@plain.test\"")}}","name":"***","born":"{{Hash(
                "customers.born",
                "\"1971-03-04\""
            )}}","secret_note":null}""",
            shown.After
        );
        Assert.Contains(Hash("customers.secret_note", "\"plain news\""), handedOver);
    }

    static int V(RecordingCapture capture, string key) =>
        JsonDocument.Parse(capture.Rows("customers").GetValueOrDefault(key, "{\"v\":0}")).RootElement.GetProperty("v").GetInt32();

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task What_cannot_be_left_out_or_masked_is_refused_at_the_start_all_at_once(ServerKind kind)
    {
        await using var database = await Customers(kind);
        var table = new CapturedTable("customers", ["id"], ["id", "v"], ["id", "v", "email", "name", "born"], ["email", "name"]);
        var source = Source(
            database,
            options =>
                options
                    .Exclude("customers.nowhere")
                    .Exclude("clients.ssn")
                    .Exclude("customers.name")
                    .Exclude("ssn")
                    .Mask("customers.id")
                    .Mask("customers.v", "x")
                    .Mask("customers.born")
                    .Exclude("customers.place")
                    .MaskSecret = "short"
        );

        var problems = await source.CheckAsync([table], Ct);

        Assert.Equal(8, problems.Count);
        Assert.Contains(problems, problem => problem.Contains("has no column nowhere, which is to be left out"));
        Assert.Contains(problems, problem => problem.Contains("clients.ssn") && problem.Contains("is not captured"));
        Assert.Contains(problems, problem => problem.Contains("column name is to be left out, and the application maps it"));
        Assert.Contains(problems, problem => problem.Contains("'ssn' names no column"));
        Assert.Contains(problems, problem => problem.Contains("column id is to be masked, and tells the rows apart"));
        Assert.Contains(problems, problem => problem.Contains("column v is to be masked, and tells the rows apart"));
        Assert.Contains(problems, problem => problem.Contains("column born is to be masked") && problem.Contains("no plain string"));
        Assert.Contains(problems, problem => problem.Contains("customers.id, customers.born cannot be masked without a secret"));
        await Assert.ThrowsAsync<SourceException>(() => source.RunAsync(new RecordingCapture(table), Ct));
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_masked_column_that_is_renamed_stops_the_capture_instead_of_showing_its_values(ServerKind kind)
    {
        await using var database = await Customers(kind);
        var capture = CaptureOf();
        await using var source = new RunningSource(capture, database, Source(database, options => Rules(options)));
        await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");

        await database.ExecuteAsync(
            """
            ALTER TABLE customers CHANGE email mail VARCHAR(80);
            INSERT INTO customers VALUES (1, 1, 'SSN-plain-1', 'ann@plain.test', 'Ann Plain', NULL, NULL, NULL)
            """
        );

        var stopped = await Assert.ThrowsAsync<SourceException>(() => source.Running.WaitAsync(TimeSpan.FromSeconds(60), Ct));
        Assert.Contains("the column email is to be left out or masked, and there is none", stopped.Message);
        Assert.DoesNotContain("plain", capture.Everything());
    }
}
