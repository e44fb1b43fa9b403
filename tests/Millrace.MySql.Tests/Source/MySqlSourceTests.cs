using Millrace.Sources;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Source;

/// <summary>The whole source on both servers; the oracle is SQL on the tables.</summary>
public sealed class MySqlSourceTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static RecordingCapture CaptureOf(params string[] tables) => new([.. tables.Select(t => RecordingCapture.Table(t, "id"))]);

    static async Task<TestDatabase> Database(ServerKind kind, DatabaseServer? server = null)
    {
        var database = await (server ?? await DatabaseServer.SharedAsync(kind)).CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL)");
        return database;
    }

    static Task<int> Fill(TestDatabase database, string table, int rows) =>
        database.ExecuteAsync($"INSERT INTO {table} VALUES {string.Join(",", Enumerable.Range(1, rows).Select(i => $"({i},0)"))}");

    /// <summary>In a session that ends with the statements.</summary>
    static async Task Alone(TestDatabase database, string sql)
    {
        await using var session = new MySqlConnector.MySqlConnection(database.ConnectionString + ";Pooling=false");
        await session.OpenAsync(Ct);
        await using var command = new MySqlConnector.MySqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(Ct);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Rows_that_were_there_and_rows_that_come_are_captured(ServerKind kind)
    {
        await using var database = await Database(kind);
        await Fill(database, "t", 900);
        var capture = CaptureOf("t");
        await using var source = new RunningSource(capture, database, chunkRows: 100);
        await source.UntilEqual("t");
        await database.ExecuteAsync(
            "UPDATE t SET v = v + 1 WHERE id < 10; DELETE FROM t WHERE id BETWEEN 20 AND 30; INSERT INTO t VALUES (5000, 5)"
        );
        await source.UntilEqual("t");
        Assert.Equal(["began t 1", "ended t 1", "all ended"], capture.MarksSoFar());
        Assert.Equal(0, capture.Dropped);
        // 9 updates, 11 deletions, one insertion came by the stream.
        Assert.Equal(21, capture.FactsOf("t").Count(f => !f.FromSnapshot));
        await source.Until(() => capture.Status is { LagMicroseconds: 0, Connected: true, Problem: null }, "it should stand at the head");
    }

    /// <summary>
    /// The rule low-is-visible and the chunk's window: a row's version, which only grows, never goes back, whatever a chunk read.
    /// </summary>
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_snapshot_under_traffic_and_restarts_never_shows_an_older_row(ServerKind kind)
    {
        await using var database = await Database(kind);
        await Fill(database, "t", 3000);
        var capture = CaptureOf("t");
        var version = 0;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var writers = Enumerable.Range(0, 4).Select(w => Task.Run(() => Write(w), Ct)).ToArray();
        for (var restart = 0; restart < 6; restart++)
        {
            await using var source = new RunningSource(capture, database, chunkRows: 40);
            var commits = capture.Commits;
            await source.Until(() => capture.Commits > commits + 25, "it should go on committing");
        }
        await using (var source = new RunningSource(capture, database, chunkRows: 40))
        {
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
            await enough.CancelAsync();
            await Task.WhenAll(writers);
            await source.UntilEqual("t");
        }

        Assert.Equal(["began t 1", "ended t 1", "all ended"], capture.MarksSoFar());
        var last = new Dictionary<string, int>();
        foreach (var fact in capture.FactsOf("t"))
        {
            if (fact.After is null)
                continue;
            var now = Version(fact.After);
            Assert.True(now >= last.GetValueOrDefault(fact.Key), $"{fact} after version {last.GetValueOrDefault(fact.Key)}");
            last[fact.Key] = now;
        }

        async Task Write(int writer)
        {
            var random = new Random(writer);
            await using var connection = new MySqlConnector.MySqlConnection(database.ConnectionString);
            await connection.OpenAsync(Ct);
            while (!enough.IsCancellationRequested)
            {
                // Each writer has rows of its own, so that versions grow in the order of commits.
                var id = random.Next(800) * 4 + writer;
                var next = Interlocked.Increment(ref version);
                var sql = random.Next(4) switch
                {
                    0 => $"DELETE FROM t WHERE id = {id}",
                    _ => $"INSERT INTO t VALUES ({id}, {next}) ON DUPLICATE KEY UPDATE v = {next}",
                };
                await using var command = new MySqlConnector.MySqlCommand(sql, connection);
                await command.ExecuteNonQueryAsync(Ct);
            }
        }
    }

    static int Version(string json)
    {
        using var row = System.Text.Json.JsonDocument.Parse(json);
        return row.RootElement.GetProperty("v").GetInt32();
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Each_change_is_handed_over_once_over_restarts(ServerKind kind)
    {
        await using var database = await Database(kind);
        var capture = CaptureOf("t");
        await using (var source = new RunningSource(capture, database))
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
        for (var i = 1; i <= 200; i++)
            await database.ExecuteAsync($"INSERT INTO t VALUES ({i}, {i}); UPDATE t SET v = v + 1000 WHERE id = {i}");
        var crash = 3;
        capture.BeforeCommit = _ =>
        {
            if (--crash == 0)
            {
                crash = 3;
                throw new IOException("the disk is full");
            }
        };
        while (capture.Rows("t").Count < 200 || capture.Rows("t").Values.Any(r => Version(r) < 1000))
        {
            await using var source = new RunningSource(capture, database);
            await source
                .Until(
                    () =>
                        source.Running.IsFaulted
                        || (capture.Rows("t").Count == 200 && capture.Rows("t").Values.All(r => Version(r) > 1000)),
                    ""
                )
                .ContinueWith(_ => { }, TaskScheduler.Default);
        }
        Assert.Equal(400, capture.FactsOf("t").Count);
        Assert.Equal(capture.Positions.Order(), capture.Positions);
    }

    /// <summary>
    /// The rule time: what the source has not read yet is not behind its watermark, so that no timer fires while the answer is unread. The wall clock
    /// counts at the head alone.
    /// </summary>
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_watermark_never_passes_what_is_still_unread(ServerKind kind)
    {
        await using var database = await Database(kind);
        var capture = CaptureOf("t");
        await using (var source = new RunningSource(capture, database))
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
        for (var i = 1; i <= 300; i++)
            await database.ExecuteAsync($"INSERT INTO t VALUES ({i}, {i})");
        // By the server's clock all of it is a while ago when the source comes back; a MariaDB binlog has whole seconds.
        await database.ExecuteAsync("DO SLEEP(3)");
        await using (var source = new RunningSource(capture, database))
        {
            await source.UntilEqual("t");
            await source.Until(() => capture.Status.LagMicroseconds == 0, "it should stand at the head");
            Assert.NotNull(capture.Status.Watermark);
        }
        Assert.InRange(capture.Latest, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_purged_position_begins_an_epoch_whose_sweep_finds_the_deleted(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind);
        await using var database = await Database(kind, server);
        await Fill(database, "t", 50);
        var capture = CaptureOf("t");
        await using (var source = new RunningSource(capture, database))
            await source.UntilEqual("t");
        var facts = capture.FactsOf("t").Count;
        await database.ExecuteAsync("DELETE FROM t WHERE id <= 5; UPDATE t SET v = 9 WHERE id = 6; INSERT INTO t VALUES (99, 1)");
        await server.PurgeBinlogsAsync();
        await using (var source = new RunningSource(capture, database))
        {
            await source.UntilEqual("t");
            await source.Until(() => capture.MarksSoFar().Count(m => m == "all ended") == 2, "the second snapshot should end");
        }
        // Only what differs: five deletions, one change, one new row.
        Assert.Equal(7, capture.FactsOf("t").Count - facts);
        Assert.Contains("began t 2", capture.MarksSoFar());
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_rebuilt_server_is_told_from_the_old_one(ServerKind kind)
    {
        var capture = CaptureOf("t");
        await using (var first = await DatabaseServer.StartAsync(kind))
        {
            await first.ExecuteAsync(
                "CREATE DATABASE same; CREATE TABLE same.t (id INT PRIMARY KEY, v INT NOT NULL); INSERT INTO same.t VALUES (1, 1), (2, 2)"
            );
            await using var source = new RunningSource(
                capture,
                (await first.CreateDatabaseAsync()),
                first.ConnectionString + ";Database=same"
            );
            await source.Until(() => capture.Rows("t").Count == 2, "both rows should come");
        }
        await using var second = await DatabaseServer.StartAsync(kind);
        await second.ExecuteAsync(
            "CREATE DATABASE same; CREATE TABLE same.t (id INT PRIMARY KEY, v INT NOT NULL); INSERT INTO same.t VALUES (2, 2), (3, 3)"
        );
        // As many transactions as the first, so that the old place exists here too.
        for (var i = 0; i < 30; i++)
            await second.ExecuteAsync("UPDATE same.t SET v = v + 1 WHERE id = 3");
        await using (
            var source = new RunningSource(capture, (await second.CreateDatabaseAsync()), second.ConnectionString + ";Database=same")
        )
            await source.Until(
                () => string.Join(' ', capture.Rows("t").Keys.Order()) == "2 3" && Version(capture.Rows("t")["3"]) == 33,
                "the new server's rows"
            );
        Assert.Equal(2, capture.Positions.Concat([new SourcePosition(2, 0, 0)]).Max(p => p.Epoch));
        Assert.Contains("began t 2", capture.MarksSoFar());
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task The_rows_of_an_XA_transaction_wait_for_its_commit_even_over_a_restart(ServerKind kind)
    {
        await using var database = await Database(kind);
        var capture = CaptureOf("t");
        var (kept, dropped) = ($"'{Guid.NewGuid():N}'", $"'{Guid.NewGuid():N}'");
        try
        {
            await using (var source = new RunningSource(capture, database))
            {
                await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
                await Alone(database, $"XA START {kept}; INSERT INTO t VALUES (1, 1); XA END {kept}; XA PREPARE {kept}");
                await Alone(database, $"XA START {dropped}; INSERT INTO t VALUES (2, 2); XA END {dropped}; XA PREPARE {dropped}");
                await database.ExecuteAsync("INSERT INTO t VALUES (3, 3)");
                await source.Until(() => capture.Rows("t").Count > 0, "the row beside them should come");
                Assert.Equal(["3"], capture.Rows("t").Keys);
            }
            await using (var source = new RunningSource(capture, database))
            {
                await Alone(database, $"XA COMMIT {kept}");
                await Alone(database, $"XA ROLLBACK {dropped}");
                await database.ExecuteAsync("INSERT INTO t VALUES (4, 4)");
                await source.Until(() => capture.Rows("t").ContainsKey("4"), "the last row should come");
            }
        }
        finally
        {
            // What is prepared would lock the table for good.
            foreach (var prepared in await database.QueryAsync("XA RECOVER"))
            {
                if (
                    (string)prepared[3]! is var name
                    && (kept.Contains(name, StringComparison.Ordinal) || dropped.Contains(name, StringComparison.Ordinal))
                )
                    await Alone(database, $"XA ROLLBACK '{name}'");
            }
        }
        Assert.Equal(["1", "3", "4"], capture.Rows("t").Keys.Order());
        Assert.Equal(3, capture.FactsOf("t").Count);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Definitions_may_change_while_it_runs(ServerKind kind)
    {
        await using var database = await Database(kind);
        await Fill(database, "t", 20);
        var capture = CaptureOf("t");
        await using var source = new RunningSource(capture, database);
        await source.UntilEqual("t");
        await database.ExecuteAsync("ALTER TABLE t ADD COLUMN note VARCHAR(20) AFTER id; UPDATE t SET note = 'x', v = 3 WHERE id = 7");
        await source.UntilEqual("t");
        Assert.Equal("""{"id":7,"note":"x","v":3}""", capture.Rows("t")["7"]);
        await database.ExecuteAsync("TRUNCATE TABLE t; INSERT INTO t (id, v) VALUES (1, 5)");
        await source.UntilEqual("t");
        await database.ExecuteAsync(
            "CREATE TABLE copy LIKE t; INSERT INTO copy (id, v) VALUES (100, 1), (101, 2); RENAME TABLE t TO old, copy TO t; DROP TABLE old"
        );
        await source.UntilEqual("t");
        await database.ExecuteAsync(
            "ALTER TABLE t MODIFY v BIGINT UNSIGNED NOT NULL; INSERT INTO t (id, v) VALUES (102, 18446744073709551615)"
        );
        await source.UntilEqual("t");
        await database.ExecuteAsync("DROP TABLE t");
        await source.Until(() => capture.Rows("t").Count == 0, "a dropped table has no rows");
        await database.ExecuteAsync("CREATE TABLE t (v INT, id INT PRIMARY KEY); INSERT INTO t VALUES (1, 2)");
        await source.UntilEqual("t");
        Assert.Equal("""{"v":1,"id":2}""", capture.Rows("t")["2"]);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_table_added_later_gets_a_snapshot_of_its_own_and_only_its_own(ServerKind kind)
    {
        await using var database = await Database(kind);
        await database.ExecuteAsync("CREATE TABLE u (id INT PRIMARY KEY, v INT)");
        await Fill(database, "t", 10);
        await Fill(database, "u", 10);
        var capture = CaptureOf("t");
        await using (var source = new RunningSource(capture, database))
            await source.UntilEqual("t");
        capture.Tables = [RecordingCapture.Table("t", "id"), RecordingCapture.Table("u", "id")];
        await using (var source = new RunningSource(capture, database))
            await source.UntilEqual("u");
        // Left out for a while, it has missed something.
        capture.Tables = [RecordingCapture.Table("t", "id")];
        await using (var source = new RunningSource(capture, database))
        {
            await database.ExecuteAsync("UPDATE u SET v = 8; UPDATE t SET v = 8");
            await source.UntilEqual("t");
        }
        capture.Tables = [RecordingCapture.Table("t", "id"), RecordingCapture.Table("u", "id")];
        await using (var source = new RunningSource(capture, database))
            await source.UntilEqual("u");
        Assert.Equal(1, capture.MarksSoFar().Count(m => m.StartsWith("began t ", StringComparison.Ordinal)));
        Assert.Equal(2, capture.MarksSoFar().Count(m => m.StartsWith("began u ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_transaction_too_large_for_one_commit_is_handed_over_once_in_parts(ServerKind kind)
    {
        await using var database = await Database(kind);
        await database.ExecuteAsync("CREATE TABLE big (id INT PRIMARY KEY, v INT, filler VARCHAR(2000))");
        var capture = CaptureOf("big");
        await using (var source = new RunningSource(capture, database))
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
        await Fill(database, "t", 12_000);
        await database.ExecuteAsync("INSERT INTO big SELECT id, v, REPEAT('x', 1900) FROM t");
        // It crashes after the first part.
        capture.BeforeCommit = _ =>
        {
            if (capture.Rows("big").Count > 0)
                throw new IOException("the disk is full");
        };
        await using (var source = new RunningSource(capture, database))
            await Assert.ThrowsAsync<IOException>(() => source.Running);
        var part = capture.Rows("big").Count;
        Assert.InRange(part, 1, 11_999);
        capture.BeforeCommit = null;
        // Another table's snapshot begins, and commits, before the rest of the transaction is read.
        capture.Tables = [.. capture.Tables, RecordingCapture.Table("t", "id")];
        await using (var source = new RunningSource(capture, database))
        {
            await source.UntilEqual("big");
            await source.UntilEqual("t");
        }
        Assert.Equal(12_000, capture.FactsOf("big").Count);
        Assert.Single(capture.FactsOf("big").Select(f => f.Transaction).Distinct());
        Assert.Equal(capture.Positions.Distinct().Order(), capture.Positions);
    }

    /// <summary>MySQL with GTIDs refuses to mix engines like this.</summary>
    [Fact]
    public async Task Rows_that_are_rolled_back_in_the_binlog_are_left_out()
    {
        await using var database = await Database(ServerKind.MariaDb);
        await database.ExecuteAsync("CREATE TABLE log (id INT PRIMARY KEY, v INT) ENGINE = MyISAM");
        var capture = CaptureOf("t", "log");
        await using var source = new RunningSource(capture, database);
        await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
        await database.ExecuteAsync("BEGIN; INSERT INTO t VALUES (1, 1); INSERT INTO log VALUES (1, 1); ROLLBACK");
        await database.ExecuteAsync("BEGIN; INSERT INTO t VALUES (2, 2); SAVEPOINT s; INSERT INTO t VALUES (3, 3); ROLLBACK TO s; COMMIT");
        await source.UntilEqual("t");
        await source.UntilEqual("log");
        Assert.Equal(["2"], capture.Rows("t").Keys);
        Assert.DoesNotContain(capture.FactsOf("t"), f => f.Key == "1");
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Changes_logged_as_statements_are_an_error_while_they_last_and_a_snapshot_afterwards(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind);
        await using var database = await Database(kind, server);
        var capture = CaptureOf("t");
        await using (var source = new RunningSource(capture, database))
        {
            await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
            await server.ExecuteAsync("SET GLOBAL binlog_format = 'STATEMENT'");
            await Alone(database, "INSERT INTO t VALUES (1, 1)");
            var error = await Assert.ThrowsAsync<SourceException>(() => source.Running);
            Assert.Contains("SET GLOBAL binlog_format = 'ROW'", error.Message, StringComparison.Ordinal);
            Assert.Contains("changed t of", error.Message, StringComparison.Ordinal);
        }
        await using (var source = new RunningSource(capture, database))
            await Assert.ThrowsAsync<SourceException>(() => source.Running);
        await server.ExecuteAsync("SET GLOBAL binlog_format = 'ROW'");
        await using (var source = new RunningSource(capture, database))
            await source.UntilEqual("t");
        Assert.Contains("began t 2", capture.MarksSoFar());
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task It_goes_on_after_a_killed_connection_and_a_killed_server(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind);
        await using var database = await Database(kind, server);
        var capture = CaptureOf("t");
        await using var source = new RunningSource(capture, database);
        await database.ExecuteAsync("INSERT INTO t VALUES (1, 1)");
        await source.UntilEqual("t");
        foreach (var session in await server.QueryAsync("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"))
            await server.ExecuteAsync($"KILL {session[0]}");
        await database.ExecuteAsync("INSERT INTO t VALUES (2, 2)");
        await source.UntilEqual("t");
        await server.KillAsync();
        await source.Until(() => capture.Status is { Connected: false, Problem: not null }, "it should say that it is not connected");
        await server.ResumeAsync();
        await database.ExecuteAsync("INSERT INTO t VALUES (3, 3)");
        await source.UntilEqual("t");
        Assert.Equal(["began t 1", "ended t 1", "all ended"], capture.MarksSoFar());
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Keys_of_several_columns_and_of_text_are_read_in_chunks_too(ServerKind kind)
    {
        await using var database = await Database(kind);
        await database.ExecuteAsync(
            "CREATE TABLE k (a VARCHAR(20) NOT NULL, b DECIMAL(5,2) NOT NULL, c BINARY(2) NOT NULL, d DATETIME(3) NOT NULL, id INT, v INT, PRIMARY KEY (a, b, c, d))"
        );
        var random = new Random(3);
        string[] words = ["a", "A b", "ä", "it''s", "日本", "\\\\", "z", ""];
        var rows = Enumerable
            .Range(0, 400)
            .Select(i =>
                $"('{words[random.Next(words.Length)]}', {random.Next(-2, 3)}.5, x'{random.Next(4):x2}ff', '2024-01-0{random.Next(1, 3)} 00:00:00.{random.Next(1000):000}', {i}, {i})"
            );
        await database.ExecuteAsync($"INSERT IGNORE INTO k VALUES {string.Join(", ", rows)}");
        var capture = new RecordingCapture(RecordingCapture.Table("k", "a", "b", "c", "d"));
        await using var source = new RunningSource(capture, database, chunkRows: 7);
        await source.UntilEqual("k");
        await source.Until(() => capture.MarksSoFar().Contains("all ended"), "the snapshot should end");
        await source.UntilEqual("k");
    }

    /// <summary>MySQL from 9.6 writes some of these rows to the binlog; to be told twice does no harm.</summary>
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Cascades_are_told_to_the_core_since_the_binlog_need_not_show_their_rows(ServerKind kind)
    {
        await using var database = await Database(kind);
        await database.ExecuteAsync(
            "CREATE TABLE child (id INT PRIMARY KEY, v INT, t_id INT, CONSTRAINT f FOREIGN KEY (t_id) REFERENCES t (id) ON DELETE CASCADE)"
        );
        var capture = CaptureOf("t", "child");
        // No more rights than doctor asks for: MariaDB then hides what its foreign keys do from information_schema.
        await using var source = new RunningSource(capture, database, await database.CapturingAccountAsync());
        await database.ExecuteAsync("INSERT INTO t VALUES (1, 1); INSERT INTO child VALUES (7, 7, 1)");
        await source.UntilEqual("child");
        var cascade = Assert.Single(capture.Cascades.SelectMany(c => c).Distinct());
        Assert.Equal(("child", "t_id", false), (cascade.ChildTable, Assert.Single(cascade.Columns), cascade.SetsNull));
    }

    [Fact]
    public async Task An_account_with_ed25519_is_good_for_both_of_its_connections()
    {
        await using var database = await Database(ServerKind.MariaDb);
        await Fill(database, "t", 30);
        var user = $"u{Guid.NewGuid().ToString("N")[..10]}";
        await database.ExecuteAsync(
            $"INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'; CREATE USER '{user}'@'%' IDENTIFIED VIA ed25519 USING PASSWORD('geheim');"
                + $"GRANT SELECT ON `{database.Name}`.* TO '{user}'@'%'; GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO '{user}'@'%'"
        );
        await using var source = new RunningSource(CaptureOf("t"), database, $"{database.ConnectionString};User ID={user};Password=geheim");
        await source.UntilEqual("t");
    }

    [Theory]
    [InlineData(ServerKind.MariaDb, "REPLICATION SLAVE, BINLOG MONITOR")]
    [InlineData(ServerKind.MySql, "REPLICATION SLAVE, REPLICATION CLIENT")]
    public async Task Three_privileges_are_enough_and_a_missing_one_is_named(ServerKind kind, string privileges)
    {
        await using var database = await Database(kind);
        await Fill(database, "t", 30);
        var user = $"u{Guid.NewGuid().ToString("N")[..10]}";
        var connectionString = $"{database.ConnectionString};User ID={user};Password=secret";
        await database.ExecuteAsync(
            $"CREATE USER '{user}'@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON `{database.Name}`.* TO '{user}'@'%'"
        );
        var capture = CaptureOf("t");
        await using (var source = new RunningSource(capture, database, connectionString))
        {
            var error = await Assert.ThrowsAsync<SourceException>(() => source.Running);
            Assert.Contains("privilege", error.Message, StringComparison.OrdinalIgnoreCase);
        }
        Assert.NotEmpty(await RunningSource.Of(connectionString).CheckAsync(capture.Tables, Ct));
        await database.ExecuteAsync($"GRANT {privileges} ON *.* TO '{user}'@'%'");
        Assert.Empty(await RunningSource.Of(connectionString).CheckAsync(capture.Tables, Ct));
        await using (var source = new RunningSource(capture, database, connectionString))
        {
            await source.UntilEqual("t");
            await database.ExecuteAsync("UPDATE t SET v = 7");
            await source.UntilEqual("t");
        }
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task What_would_keep_it_from_capturing_is_said_before_it_starts(ServerKind kind)
    {
        await using var database = await Database(kind);
        await database.ExecuteAsync("CREATE TABLE nokey (id INT, v INT)");
        Assert.Empty(await RunningSource.Of(database.ConnectionString).CheckAsync([RecordingCapture.Table("t", "id")], Ct));
        var wrong = await RunningSource
            .Of(database.ConnectionString)
            .CheckAsync(
                [RecordingCapture.Table("nokey", "id"), RecordingCapture.Table("nowhere", "id"), RecordingCapture.Table("t", "uid")],
                Ct
            );
        Assert.Equal(3, wrong.Count);
        Assert.Contains(wrong, w => w.Contains("nokey has no primary key", StringComparison.Ordinal));
        Assert.Contains(wrong, w => w.Contains("no table", StringComparison.Ordinal) && w.Contains("nowhere", StringComparison.Ordinal));
        Assert.Contains(wrong, w => w.Contains("no column uid", StringComparison.Ordinal));
        var denied = await RunningSource.Of(database.ConnectionString + ";User ID=nobody;Password=x").CheckAsync([], Ct);
        Assert.Contains("nobody", Assert.Single(denied), StringComparison.Ordinal);
    }
}
