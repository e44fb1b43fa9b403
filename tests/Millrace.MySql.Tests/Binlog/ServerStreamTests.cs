using System.Text;
using Millrace.MySql.Binlog;
using Millrace.MySql.Protocol;
using Millrace.MySql.Tests.Protocol;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Binlog;

/// <summary>The streams of both servers, compared with what the servers' own SHOW BINLOG EVENTS says of their files.</summary>
public sealed class ServerStreamTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Events_stand_where_the_server_says_they_stand(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind);
        await using var database = await server.CreateDatabaseAsync();
        await Work(database);
        await server.ExecuteAsync("FLUSH BINARY LOGS");
        await Work(database, "u");

        var first = (string)(await server.QueryAsync("SHOW BINARY LOGS"))[0][0]!;
        var expected = new List<(string, long, long)>();
        foreach (var file in await server.QueryAsync("SHOW BINARY LOGS"))
        {
            var events = await server.QueryAsync($"SHOW BINLOG EVENTS IN '{file[0]}'");
            expected.AddRange(events.Select(e => ((string)e[0]!, Convert.ToInt64(e[1]), Convert.ToInt64(e[4]))));
        }

        var streamed = new List<(string, long, long)>();
        await using (var reader = await server.Options().Dump(new BinlogPosition(first, 4)))
        {
            while (await reader.Read(Ct))
            {
                // What stands in the file ends behind where it begins; the server's rotate names the next file.
                if (reader.Type is BinlogEventType.Rotate && !reader.Header.IsArtificial)
                    streamed.Add((streamed[^1].Item1, streamed[^1].Item3, streamed[^1].Item3 + reader.Header.Length));
                else if (reader.End.Offset > reader.Start.Offset)
                    streamed.Add((reader.Start.File, (long)reader.Start.Offset, (long)reader.End.Offset));
            }
            Assert.Equal(await server.Head(), reader.End);
        }
        Assert.Equal(expected, streamed);

        var read = new List<(string, long, long)>();
        foreach (var file in expected.Select(e => e.Item1).Distinct())
        {
            await using var reader = BinlogReader.OfFile(
                new FileStream(Path.Combine(server.DataFolder!, file), FileMode.Open, FileAccess.Read, FileShare.ReadWrite),
                file
            );
            while (await reader.Read(Ct))
                read.Add((reader.Start.File, (long)reader.Start.Offset, (long)reader.End.Offset));
        }
        Assert.Equal(expected, read);
    }

    static async Task Work(TestDatabase database, string table = "t")
    {
        await database.ExecuteAsync($"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(2000))");
        await database.ExecuteAsync($"INSERT INTO {table} VALUES (1, 'one'), (2, REPEAT('long ', 200))");
        await database.ExecuteAsync($"BEGIN; UPDATE {table} SET v = 'changed'; DELETE FROM {table} WHERE id = 1; COMMIT");
        await database.ExecuteAsync($"BEGIN; INSERT INTO {table} VALUES (9, 'gone'); ROLLBACK");
        await database.ExecuteAsync($"TRUNCATE TABLE {table}");
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_transaction_is_its_mark_its_rows_and_its_commit(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2000))");
        var story = await Story(
            database,
            "BEGIN; INSERT INTO t VALUES (1, 'one'); UPDATE t SET v = 'two'; DELETE FROM t; COMMIT",
            kind == ServerKind.MariaDb ? "SET @@session.binlog_annotate_row_events = 1" : "SET @@session.binlog_rows_query_log_events = 1"
        );
        Assert.Equal(
            kind == ServerKind.MariaDb
                ? "Gtid, \"INSERT INTO t VALUES (1, 'one')\", TableMap, WriteRowsV1, \"UPDATE t SET v = 'two'\", TableMap, UpdateRowsV1, \"DELETE FROM t\", TableMap, DeleteRowsV1, Xid"
                : "Gtid, BEGIN, \"INSERT INTO t VALUES (1, 'one')\", TableMap, WriteRows, \"UPDATE t SET v = 'two'\", TableMap, UpdateRows, \"DELETE FROM t\", TableMap, DeleteRows, Xid",
            story
        );
    }

    [Theory]
    [InlineData(ServerKind.MariaDb, "SET GLOBAL log_bin_compress = 1", "SET GLOBAL log_bin_compress = 0")]
    [InlineData(ServerKind.MySql, null, null)]
    public async Task Compression_changes_nothing_for_the_reader(ServerKind kind, string? on, string? off)
    {
        await using var server = kind == ServerKind.MariaDb ? await DatabaseServer.StartAsync(kind) : null;
        await using var database = await (server ?? await DatabaseServer.SharedAsync(kind)).CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2000))");
        const string work =
            "BEGIN; INSERT INTO t VALUES (1, REPEAT('abc', 500)), (2, REPEAT('x', 300)); UPDATE t SET v = CONCAT(v, '!'); DELETE FROM t; COMMIT";
        var plain = await Rows(database, work, null);
        if (on is not null)
            await database.ExecuteAsync(on);
        var compressed = await Rows(database, work, on is null ? "SET @@session.binlog_transaction_compression = 1" : null);
        if (off is not null)
            await database.ExecuteAsync(off);
        Assert.Equal(3, plain.Rows.Count);
        Assert.Equal(plain.Rows, compressed.Rows);
        Assert.True(compressed.Bytes < plain.Bytes, $"{compressed.Bytes} bytes compressed, {plain.Bytes} not");
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Prepared_XA_transactions_carry_the_name_that_their_commit_has(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY)");
        var name = $"'x{Guid.NewGuid():N}','branch',7";
        var head = await server.Head();
        await database.ExecuteAsync($"XA START {name}; INSERT INTO t VALUES (1); XA END {name}; XA PREPARE {name}; XA COMMIT {name}");
        await using var reader = await server.Options().Dump(head);
        var (prepared, committed) = (new List<string>(), new List<string>());
        while (await reader.Read(Ct))
        {
            if (reader.Type == BinlogEventType.XaPrepare)
                prepared.Add(XaPrepareEvent.Read(reader.Body).Id.Text);
            if (reader.Type == BinlogEventType.Query && QueryEvent.Read(reader.Body).Sql.StartsWith("XA COMMIT "u8))
                committed.Add(XaId.Parse(QueryEvent.Read(reader.Body).Sql["XA COMMIT "u8.Length..]).Text);
        }
        var hex = Convert.ToHexStringLower(Encoding.ASCII.GetBytes(name.Split('\'')[1]));
        Assert.Contains($"X'{hex}',X'6272616e6368',7", prepared);
        Assert.Contains($"X'{hex}',X'6272616e6368',7", committed);
    }

    [Fact]
    public async Task MySQL_goes_on_after_a_set_of_GTIDs_with_and_without_tags()
    {
        var server = await MySqlServer.SharedAsync();
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY)");
        await database.ExecuteAsync("SET gtid_next = 'AUTOMATIC:blue'; INSERT INTO t VALUES (1)");
        var before = GtidSet.Parse(await Executed());
        await database.ExecuteAsync("SET gtid_next = 'AUTOMATIC:blue'; INSERT INTO t VALUES (2)");
        await database.ExecuteAsync("INSERT INTO t VALUES (3)");
        var after = GtidSet.Parse(await Executed());
        Assert.Contains(":blue:", before.ToString(), StringComparison.Ordinal);
        Assert.False(before.Contains(after));

        await using var reader = await server.Options().Dump(new BinlogStart.AfterGtids(before));
        var set = before.Copy();
        GtidEvent? last = null;
        while (await reader.Read(Ct))
        {
            if (reader.Type is BinlogEventType.Gtid or BinlogEventType.GtidTagged)
            {
                last = GtidEvent.Read(reader.Type, reader.Body);
                Assert.False(before.Contains(last.Value.Gtid!.Value));
                set.Add(last.Value.Gtid!.Value);
            }
            else if (reader.Type == BinlogEventType.PreviousGtids)
            {
                Assert.True(before.Contains(GtidSet.Read(reader.Body)));
            }
        }
        Assert.True(set.Contains(after), $"{set} should contain {after}");
        var committed = DateTimeOffset.UnixEpoch.AddTicks((long)last!.Value.CommitMicroseconds * 10);
        Assert.InRange(committed, DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow.AddMinutes(10));

        async Task<string> Executed() => (string)(await server.QueryAsync("SELECT @@global.gtid_executed"))[0][0]!;
    }

    [Fact]
    public async Task MariaDB_goes_on_after_its_GTID()
    {
        var server = await MariaDbServer.SharedAsync();
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY)");
        var before = MariaDbGtidSet.Parse((string)(await server.QueryAsync("SELECT @@global.gtid_binlog_pos"))[0][0]!);
        await database.ExecuteAsync("INSERT INTO t VALUES (1)");
        await database.ExecuteAsync("DROP TABLE t");
        var after = MariaDbGtidSet.Parse((string)(await server.QueryAsync("SELECT @@global.gtid_binlog_pos"))[0][0]!);
        await using var reader = await server.Options().Dump(new BinlogStart.AfterMariaDbGtids(before));
        var (set, standalone) = (before.Copy(), new List<bool>());
        while (await reader.Read(Ct))
        {
            if (reader.Type != BinlogEventType.MariaDbGtid)
                continue;
            var gtid = MariaDbGtidEvent.Read(reader.Header, reader.Body);
            Assert.False(before.Contains(gtid.Gtid));
            set.Add(gtid.Gtid);
            standalone.Add(gtid.IsStandalone);
        }
        Assert.True(set.Contains(after), $"{set} should contain {after}");
        Assert.Contains(true, standalone);
        Assert.Contains(false, standalone);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb, "REPLICATION CLIENT")]
    [InlineData(ServerKind.MySql, "REPLICATION CLIENT")]
    [InlineData(ServerKind.MySql, null)]
    public async Task A_missing_grant_is_named(ServerKind kind, string? grants)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        var options = await server.User("IDENTIFIED BY 'secret'", "secret", grants);
        var head = await server.Head();
        var error = await Assert.ThrowsAsync<MissingPrivilegeException>(async () =>
        {
            await using var reader = await options.Dump(head);
            await reader.Read(Ct);
        });
        Assert.Contains("GRANT REPLICATION SLAVE", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_purged_position_is_told_from_other_errors_and_a_killed_server_from_both(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind);
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY)");
        var file = await server.Head();
        BinlogStart gtids =
            kind == ServerKind.MariaDb
                ? new BinlogStart.AfterMariaDbGtids(
                    MariaDbGtidSet.Parse((string)(await server.QueryAsync("SELECT @@global.gtid_binlog_pos"))[0][0]!)
                )
                : new BinlogStart.AfterGtids(GtidSet.Parse((string)(await server.QueryAsync("SELECT @@global.gtid_executed"))[0][0]!));
        await database.ExecuteAsync("INSERT INTO t VALUES (1)");
        await server.PurgeBinlogsAsync();
        foreach (var start in new[] { new BinlogStart.At(file), gtids })
        {
            await Assert.ThrowsAsync<PositionLostException>(async () =>
            {
                await using var lost = await server.Options().Dump(start);
                while (await lost.Read(Ct)) { }
            });
        }

        var head = await server.Head();
        // Beyond the end: another server's position.
        await Assert.ThrowsAsync<PositionLostException>(async () =>
        {
            await using var lost = await server.Options().Dump(head with { Offset = head.Offset + 1000 });
            while (await lost.Read(Ct)) { }
        });

        await using var reader = await server.Options().Dump(new BinlogStart.At(head), nonBlocking: false);
        await database.ExecuteAsync("INSERT INTO t VALUES (2)");
        while (reader.Type != BinlogEventType.Xid)
            Assert.True(await reader.Read(Ct));
        var next = reader.Read(Ct);
        await server.KillAsync();
        var error = await Assert.ThrowsAsync<ConnectionLostException>(async () => await next);
        Assert.Contains(reader.End.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Two_replicas_with_one_id_are_told_so(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        var (head, id) = (await server.Head(), Servers.NextId());
        await using var first = await server.Options().Dump(new BinlogStart.At(head), nonBlocking: false, id);
        Assert.True(await first.Read(Ct));
        await using var second = await server.Options().Dump(new BinlogStart.At(head), nonBlocking: false, id);
        Assert.True(await second.Read(Ct));
        var error = await Assert.ThrowsAnyAsync<WireException>(async () =>
        {
            while (await first.Read(Ct)) { }
        });
        Assert.True(error is ServerIdCollisionException, error.ToString());
    }

    /// <summary>The events that a session's work leaves, by name; statements by their text.</summary>
    static async Task<string> Story(TestDatabase database, string work, string session)
    {
        await using var connection = new MySqlConnector.MySqlConnection(database.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(Ct);
        await new MySqlConnector.MySqlCommand(session, connection).ExecuteNonQueryAsync(Ct);
        var head = await database.Server.Head();
        await new MySqlConnector.MySqlCommand(work, connection).ExecuteNonQueryAsync(Ct);
        await using var reader = await database.Server.Options().Dump(head);
        var story = new List<string>();
        var ours = false;
        while (await reader.Read(Ct))
        {
            if (reader.Type is BinlogEventType.Gtid or BinlogEventType.MariaDbGtid)
                story.Clear();
            story.Add(
                reader.Type switch
                {
                    BinlogEventType.Gtid or BinlogEventType.MariaDbGtid => "Gtid",
                    BinlogEventType.Query => Encoding.UTF8.GetString(QueryEvent.Read(reader.Body).Sql),
                    BinlogEventType.RowsQuery or BinlogEventType.MariaDbAnnotateRows =>
                        $"\"{Encoding.UTF8.GetString(StatementText.Read(reader.Type, reader.Body))}\"",
                    var type => type.ToString(),
                }
            );
            ours |= reader.Type == BinlogEventType.TableMap && reader.Body.IndexOf(Encoding.ASCII.GetBytes(database.Name)) >= 0;
            if (ours && reader.Type == BinlogEventType.Xid)
                return string.Join(", ", story);
        }
        return "it did not come";
    }

    static async Task<(List<string> Rows, long Bytes)> Rows(TestDatabase database, string work, string? session)
    {
        await using var connection = new MySqlConnector.MySqlConnection(database.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(Ct);
        if (session is not null)
            await new MySqlConnector.MySqlCommand(session, connection).ExecuteNonQueryAsync(Ct);
        var head = await database.Server.Head();
        await new MySqlConnector.MySqlCommand(work, connection).ExecuteNonQueryAsync(Ct);
        await using var reader = await database.Server.Options().Dump(head);
        var rows = new List<string>();
        var (ours, begin) = (false, 0UL);
        while (await reader.Read(Ct))
        {
            if (reader.Type is BinlogEventType.Gtid or BinlogEventType.MariaDbGtid)
                begin = reader.Start.Offset;
            if (reader.Type == BinlogEventType.TableMap)
                ours = reader.Body.IndexOf(Encoding.ASCII.GetBytes(database.Name)) >= 0;
            if (!ours)
                continue;
            // The first eight bytes are the table's id of the day, and flags.
            if (reader.Type is >= BinlogEventType.WriteRowsV1 and <= BinlogEventType.DeleteRows and not BinlogEventType.RowsQuery)
                rows.Add($"{reader.Type} {Convert.ToHexString(reader.Body[8..])}");
            if (reader.Type == BinlogEventType.Xid)
                return (rows, (long)(reader.End.Offset - begin));
        }
        return (rows, 0);
    }
}
