using Millrace.MySql.Rows;
using Millrace.TestServers;
using MySqlConnector;

namespace Millrace.MySql.Doctor;

public class DoctorTests(RowServers servers) : IClassFixture<RowServers>
{
    const string Desk = """
        CREATE TABLE tickets (id BIGINT PRIMARY KEY, subject VARCHAR(100), at DATETIME(3));
        CREATE TABLE replies (id BIGINT PRIMARY KEY, ticket_id BIGINT NOT NULL, body TEXT,
          CONSTRAINT of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE)
        """;

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task An_account_made_by_the_printed_statements_is_enough_for_everything(ServerKind kind)
    {
        await using var database = await servers[kind].CreateDatabaseAsync();
        await database.ExecuteAsync(Desk);
        var asked = await MySqlDoctor.ExamineAsync(
            database.ConnectionString,
            [new("tickets"), new("replies")],
            TestContext.Current.CancellationToken
        );
        Assert.Contains("BINLOG MONITOR", kind == ServerKind.MariaDb ? asked.LeastPrivilege : "BINLOG MONITOR");
        var user = $"m{Guid.NewGuid():N}"[..20];
        await database.ExecuteAsync(asked.LeastPrivilege.Replace("'millrace'", $"'{user}'").Replace("'a password of its own'", "'secret'"));

        var diagnosis = await MySqlDoctor.ExamineAsync(As(database, user, "secret"), null, TestContext.Current.CancellationToken);

        Assert.Equal([], diagnosis.Findings.Where(finding => finding.Level == FindingLevel.Failure).Select(finding => finding.Message));
        Assert.Equal(
            ["table replies", "table tickets"],
            diagnosis.Findings.Where(finding => finding.Check.StartsWith("table ")).Select(finding => finding.Check)
        );
        Assert.Contains(
            diagnosis.Findings,
            finding => finding is { Check: "grants", Level: FindingLevel.Ok } && finding.Message.Contains("tried it")
        );
        Assert.StartsWith(kind == ServerKind.MariaDb ? "MariaDB 10" : "MySQL 9", diagnosis.Server);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Each_missing_grant_is_named_with_the_statement_that_gives_it(ServerKind kind)
    {
        await using var database = await servers[kind].CreateDatabaseAsync();
        await database.ExecuteAsync(Desk);
        var user = $"m{Guid.NewGuid():N}"[..20];
        var monitor = kind == ServerKind.MariaDb ? "BINLOG MONITOR" : "REPLICATION CLIENT";
        await database.ExecuteAsync(
            $"CREATE USER '{user}'@'%' IDENTIFIED BY 'x'; GRANT SELECT ON `{database.Name}`.tickets TO '{user}'@'%'"
        );

        var nothing = await Failures(As(database, user, "x"));
        Assert.Contains($"GRANT {monitor} ON *.* TO '{user}'@'%';", nothing);
        await database.ExecuteAsync($"GRANT {monitor} ON *.* TO '{user}'@'%'");
        var monitors = await Failures(As(database, user, "x"));
        Assert.Equal([$"GRANT REPLICATION SLAVE ON *.* TO '{user}'@'%';"], monitors);
        await database.ExecuteAsync($"GRANT REPLICATION SLAVE ON *.* TO '{user}'@'%'");
        Assert.Empty(await Failures(As(database, user, "x")));
        Assert.Contains(
            $"GRANT SELECT ON `{database.Name}`.`replies` TO '{user}'@'%';",
            Assert.Single(await Failures(As(database, user, "x"), new DoctorTable("replies"))),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_server_that_is_not_there_and_a_wrong_password_are_findings()
    {
        await using var database = await servers[ServerKind.MariaDb].CreateDatabaseAsync();
        var wrong = await MySqlDoctor.ExamineAsync(As(database, "nobody", "x"), null, TestContext.Current.CancellationToken);
        Assert.Contains("nobody", Assert.Single(wrong.Findings).Message);
        Assert.True(wrong.Fails);
        Assert.Contains("CREATE USER", wrong.LeastPrivilege);
        var gone = new MySqlConnectionStringBuilder(database.ConnectionString) { Port = 1 };
        Assert.Contains(
            "no server",
            Assert
                .Single((await MySqlDoctor.ExamineAsync(gone.ConnectionString, null, TestContext.Current.CancellationToken)).Findings)
                .Message
        );
        await Assert.ThrowsAsync<ArgumentException>(() =>
            MySqlDoctor.ExamineAsync("Server=x", null, TestContext.Current.CancellationToken)
        );
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_server_without_a_binlog_is_told_to_write_one(ServerKind kind)
    {
        await using var server = await DatabaseServer.StartAsync(kind, "--skip-log-bin");
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync(Desk);
        var diagnosis = await MySqlDoctor.ExamineAsync(database.ConnectionString, null, TestContext.Current.CancellationToken);
        var failure = Assert.Single(diagnosis.Findings, finding => finding.Level == FindingLevel.Failure);
        Assert.Equal("log_bin", failure.Check);
        Assert.Contains("[mysqld]", failure.Remedy);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb, "binlog_format", "STATEMENT", FindingLevel.Failure)]
    [InlineData(ServerKind.MariaDb, "binlog_format", "MIXED", FindingLevel.Failure)]
    [InlineData(ServerKind.MySql, "binlog_format", "STATEMENT", FindingLevel.Failure)]
    [InlineData(ServerKind.MariaDb, "binlog_row_image", "MINIMAL", FindingLevel.Failure)]
    [InlineData(ServerKind.MySql, "binlog_row_image", "MINIMAL", FindingLevel.Failure)]
    [InlineData(ServerKind.MySql, "binlog_row_image", "NOBLOB", FindingLevel.Warning)]
    [InlineData(ServerKind.MariaDb, "binlog_row_metadata", "NO_LOG", FindingLevel.Warning)]
    [InlineData(ServerKind.MySql, "binlog_row_metadata", "MINIMAL", FindingLevel.Warning)]
    [InlineData(ServerKind.MySql, "binlog_row_value_options", "PARTIAL_JSON", FindingLevel.Failure)]
    [InlineData(ServerKind.MariaDb, "binlog_expire_logs_seconds", "3600", FindingLevel.Warning)]
    [InlineData(ServerKind.MySql, "binlog_expire_logs_seconds", "3600", FindingLevel.Warning)]
    [InlineData(ServerKind.MariaDb, "sync_binlog", "0", FindingLevel.Warning)]
    [InlineData(ServerKind.MySql, "innodb_flush_log_at_trx_commit", "2", FindingLevel.Warning)]
    public async Task A_setting_that_is_wrong_is_named_and_mended_by_what_the_doctor_says(
        ServerKind kind,
        string variable,
        string value,
        FindingLevel level
    )
    {
        var server = servers[kind];
        await using var database = await server.CreateDatabaseAsync();
        await database.ExecuteAsync(Desk);
        var was = (await server.QueryAsync($"SELECT @@global.{variable}"))[0][0]!;
        var check = variable == "binlog_expire_logs_seconds" ? "binlog retention" : variable;
        try
        {
            await server.ExecuteAsync(
                $"SET GLOBAL {variable} = '{value}'".Replace("'3600'", "3600").Replace("'0'", "0").Replace("'2'", "2")
            );
            var finding = (await All()).First(found => found.Check == check);
            Assert.Equal(level, finding.Level);
            await server.ExecuteAsync(finding.Remedy!.Split(';')[0]);
            Assert.DoesNotContain(await All(), after => after.Check == check && after.Level != FindingLevel.Ok);
        }
        finally
        {
            await server.ExecuteAsync(was is string text ? $"SET GLOBAL {variable} = '{text}'" : $"SET GLOBAL {variable} = {was}");
            if (kind == ServerKind.MySql)
                await server.ExecuteAsync("RESET PERSIST");
        }

        async Task<IReadOnlyList<Finding>> All() =>
            (await MySqlDoctor.ExamineAsync(database.ConnectionString, null, TestContext.Current.CancellationToken)).Findings;
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Tables_that_cannot_be_captured_are_named_with_what_mends_them(ServerKind kind)
    {
        await using var database = await servers[kind].CreateDatabaseAsync();
        await database.ExecuteAsync(
            Desk
                + """
                ;
                CREATE TABLE keyless (n INT);
                CREATE TABLE places (id INT PRIMARY KEY, spot POINT, t VARCHAR(9) CHARACTER SET swe7);
                CREATE TABLE aria (id INT PRIMARY KEY) ENGINE=MyISAM
                """
        );
        var diagnosis = await MySqlDoctor.ExamineAsync(database.ConnectionString, null, TestContext.Current.CancellationToken);
        string[] Of(string table) =>
            [.. diagnosis.Findings.Where(f => f.Check == $"table {table}").Select(f => $"{f.Level} {f.Message} {f.Remedy}")];
        Assert.Contains($"ALTER TABLE `{database.Name}`.`keyless` ADD PRIMARY KEY", Assert.Single(Of("keyless")));
        Assert.Equal(2, Of("places").Length);
        Assert.Contains("change the type of spot", Of("places")[0]);
        Assert.Contains("swe7", Of("places")[1]);
        Assert.StartsWith("Warning is kept by MyISAM", Assert.Single(Of("aria")));
        Assert.StartsWith("Ok", Assert.Single(Of("tickets")));

        var without = await MySqlDoctor.ExamineAsync(
            database.ConnectionString,
            [new("places", Rules: new ColumnRules().Exclude("spot").Exclude("t"))],
            TestContext.Current.CancellationToken
        );
        Assert.False(without.Fails);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Foreign_keys_that_act_unseen_are_refused_where_the_server_does_not_log_them(ServerKind kind)
    {
        await using var database = await servers[kind].CreateDatabaseAsync();
        await database.ExecuteAsync(
            Desk
                + """
                ;
                CREATE TABLE agents (id BIGINT PRIMARY KEY);
                ALTER TABLE tickets ADD agent_id BIGINT NULL, ADD CONSTRAINT of_agent FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE SET NULL;
                CREATE TABLE notes (id BIGINT PRIMARY KEY, reply_id BIGINT, CONSTRAINT of_reply FOREIGN KEY (reply_id) REFERENCES replies (id) ON DELETE CASCADE);
                CREATE TABLE tags (ticket_id BIGINT, tag VARCHAR(9), PRIMARY KEY (ticket_id, tag),
                  CONSTRAINT tag_of FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON UPDATE CASCADE)
                """
        );
        var failures = await Failures(
            database.ConnectionString,
            new DoctorTable("tickets"),
            new DoctorTable("replies"),
            new DoctorTable("notes"),
            new DoctorTable("tags")
        );
        if (kind == ServerKind.MySql) // 9.7 logs them
        {
            Assert.Empty(failures);
            return;
        }
        Assert.Equal(3, failures.Count);
        Assert.Contains(failures, remedy => remedy.StartsWith($"ALTER TABLE `{database.Name}`.`tickets` DROP FOREIGN KEY `of_agent`;"));
        Assert.Contains(failures, remedy => remedy.StartsWith($"ALTER TABLE `{database.Name}`.`notes` DROP FOREIGN KEY `of_reply`;"));
        Assert.Contains(failures, remedy => remedy.StartsWith($"ALTER TABLE `{database.Name}`.`tags` DROP FOREIGN KEY `tag_of`;"));
        // The remedies are statements that run.
        foreach (var remedy in failures)
            await database.ExecuteAsync(remedy[..(remedy.IndexOf(';', remedy.IndexOf("ADD CONSTRAINT", StringComparison.Ordinal)))]);
        Assert.Empty(await Failures(database.ConnectionString, new("tickets"), new("replies"), new("notes"), new("tags")));
    }

    static async Task<List<string>> Failures(string connectionString, params DoctorTable[] tables)
    {
        var diagnosis = await MySqlDoctor.ExamineAsync(
            connectionString,
            tables.Length == 0 ? null : tables,
            TestContext.Current.CancellationToken
        );
        return
        [
            .. diagnosis
                .Findings.Where(finding => finding.Level == FindingLevel.Failure)
                .Select(finding => finding.Remedy ?? finding.Message),
        ];
    }

    static string As(TestDatabase database, string user, string password) =>
        new MySqlConnectionStringBuilder(database.ConnectionString) { UserID = user, Password = password }.ConnectionString;
}
