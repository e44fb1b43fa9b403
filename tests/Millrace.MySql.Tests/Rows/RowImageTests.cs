using System.Text.Json;
using Millrace.TestServers;
using MySqlConnector;

namespace Millrace.MySql.Rows;

public class RowImageTests(RowServers servers) : IClassFixture<RowServers>
{
    [Theory]
    [InlineData(ServerKind.MariaDb, "MINIMAL", """{"id":1}""", """{"id":1,"n":8}""")]
    [InlineData(ServerKind.MySql, "MINIMAL", """{"id":1}""", """{"id":1,"n":8}""")]
    [InlineData(ServerKind.MariaDb, "NOBLOB", """{"id":1,"n":7}""", """{"id":1,"n":8}""")]
    [InlineData(ServerKind.MySql, "NOBLOB", """{"id":1,"n":7}""", """{"id":1,"n":8}""")]
    public async Task Columns_that_an_image_does_not_have_are_absent(ServerKind kind, string image, string before, string after)
    {
        await using var database = await servers[kind].CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY, body TEXT, n INT); INSERT INTO t VALUES (1, 'long', 7)");
        var rows = await RowsOf(database, kind, $"SET SESSION binlog_row_image={image}; UPDATE t SET n = 8; DELETE FROM t");

        Assert.Equal([(before, after), (before.Replace("7", "8"), null)], rows.Select(row => (row.Before, row.After)));
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_JSON_document_that_was_updated_in_place_decodes_whole(ServerKind kind)
    {
        await using var database = await servers[kind].CreateDatabaseAsync();
        await database.ExecuteAsync(
            "CREATE TABLE t (id INT PRIMARY KEY, j JSON); INSERT INTO t VALUES (1, '{\"a\": \"a long string\", \"b\": [1, 2], \"c\": 1.50}')"
        );
        var rows = await RowsOf(
            database,
            kind,
            "UPDATE t SET j = JSON_SET(j, '$.a', 'short'); UPDATE t SET j = JSON_REMOVE(j, '$.b[0]'); UPDATE t SET j = JSON_REPLACE(j, '$.c', true)"
        );

        var last = JsonElement.Parse(rows[^1].After!).GetProperty("j");
        if (kind == ServerKind.MySql)
            Assert.Equal("""{"a":"short","b":[2],"c":true}""", last.GetRawText());
        else
            Assert.Equal("""{"a": "short", "b": [2], "c": true}""", last.GetString());
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_schema_has_its_keys_and_their_actions(ServerKind kind)
    {
        await using var database = await servers[kind].CreateDatabaseAsync();
        await database.ExecuteAsync(
            """
            CREATE TABLE parent (b INT, a INT, name VARCHAR(10), PRIMARY KEY (a, b));
            CREATE TABLE child (id INT PRIMARY KEY, pb INT, pa INT NOT NULL, self INT NULL, twice INT AS (id * 2),
              CONSTRAINT up FOREIGN KEY (pa, pb) REFERENCES parent (a, b) ON DELETE CASCADE,
              CONSTRAINT own FOREIGN KEY (self) REFERENCES child (id) ON DELETE SET NULL ON UPDATE CASCADE);
            CREATE VIEW v AS SELECT * FROM child;
            CREATE TABLE keyless (x INT UNSIGNED)
            """
        );
        await using var connection = new MySqlConnection(database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        var schemas = await SchemaReader.ReadAsync(connection, database.Name, stop: TestContext.Current.CancellationToken);

        Assert.Equal(["child", "keyless", "parent"], schemas.Select(schema => schema.Table));
        var (child, keyless, parent) = (schemas[0], schemas[1], schemas[2]);
        Assert.Equal([1, 0], parent.PrimaryKey);
        Assert.Empty(keyless.PrimaryKey);
        Assert.True(keyless.Columns[0].Unsigned);
        Assert.True(child.Columns[child.OrdinalOf("twice")].Generated);
        Assert.False(child.Columns[child.OrdinalOf("pa")].Nullable);
        var up = child.ForeignKeys.Single(key => key.Name == "up");
        Assert.Equal(["pa", "pb", "parent", "a", "b"], [.. up.Columns, up.ReferencedTable, .. up.ReferencedColumns]);
        Assert.Equal((ReferentialAction.Cascade, ReferentialAction.Restrict), (up.OnDelete, up.OnUpdate));
        var own = child.ForeignKeys.Single(key => key.Name == "own");
        Assert.Equal((ReferentialAction.SetNull, ReferentialAction.Cascade), (own.OnDelete, own.OnUpdate));
        Assert.Equal(
            ["child"],
            (await SchemaReader.ReadAsync(connection, database.Name, ["child", "v", "none"], TestContext.Current.CancellationToken)).Select(
                s => s.Table
            )
        );
    }

    async Task<List<RecordedRow>> RowsOf(TestDatabase database, ServerKind kind, string sql)
    {
        await using var connection = new MySqlConnection(database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await database.ExecuteAsync("FLUSH BINARY LOGS");
        await database.ExecuteAsync(sql);
        var (file, _) = await servers[kind].BinlogHeadAsync();
        await database.ExecuteAsync("FLUSH BINARY LOGS");
        var schemas = await SchemaReader.ReadAsync(connection, database.Name, stop: TestContext.Current.CancellationToken);
        return RecordedEvents.Read(Path.Combine(servers[kind].DataFolder!, file)).Decode(schemas, map => map.Database == database.Name);
    }
}
