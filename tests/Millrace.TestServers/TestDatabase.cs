using MySqlConnector;

namespace Millrace.TestServers;

/// <summary>A database of one test's own.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    internal TestDatabase(DatabaseServer server, string name)
    {
        Server = server;
        Name = name;
        ConnectionString = new MySqlConnectionStringBuilder(server.ConnectionString) { Database = name }.ConnectionString;
    }

    public DatabaseServer Server { get; }

    public string Name { get; }

    /// <summary>As root, in this database.</summary>
    public string ConnectionString { get; }

    /// <summary>
    /// Makes an account with no more rights than capturing this database needs, which is what an application has: what it does not see, a test must not
    /// see for it.
    /// </summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CapturingAccountAsync()
    {
        var user = $"c{Guid.NewGuid().ToString("N")[..10]}";
        var monitor = Server.Kind == ServerKind.MariaDb ? "BINLOG MONITOR" : "REPLICATION CLIENT";
        await ExecuteAsync(
            $"CREATE USER '{user}'@'%' IDENTIFIED BY 'captures'; GRANT SELECT ON `{Name}`.* TO '{user}'@'%'; "
                + $"GRANT REPLICATION SLAVE, {monitor} ON *.* TO '{user}'@'%'"
        );
        return new MySqlConnectionStringBuilder(ConnectionString)
        {
            UserID = user,
            Password = "captures",
            AllowPublicKeyRetrieval = true,
        }.ConnectionString;
    }

    /// <summary>Runs one or more statements as root in this database; the rows affected.</summary>
    public Task<int> ExecuteAsync(string sql) => Sql.ExecuteAsync(ConnectionString, sql);

    /// <summary>Runs a query as root in this database; all its rows, each an array of values (null for NULL).</summary>
    public Task<List<object?[]>> QueryAsync(string sql) => Sql.QueryAsync(ConnectionString, sql);

    /// <summary>Drops it. Where its server is down by then, it stays.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Server.ExecuteAsync($"DROP DATABASE IF EXISTS `{Name}`");
        }
        catch (MySqlException error) when (error.ErrorCode == MySqlErrorCode.UnableToConnectToHost)
        {
            // The test ended with its server down; the data go with the server.
        }
    }
}
