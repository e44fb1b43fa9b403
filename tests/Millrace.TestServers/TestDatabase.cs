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
