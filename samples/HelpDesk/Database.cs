using Dapper;
using MySqlConnector;

namespace HelpDesk;

/// <summary>Where the desk's tables are, and that they are there.</summary>
public static class Database
{
    static readonly string[] FirstCategories = ["Access", "Hardware", "Mail", "Network", "Printing", "Software"];
    static readonly string[] FirstAgents = ["Ada Okafor", "Bruno Keller", "Chiara Neri", "Dmitri Holm", "Esther Vance"];

    public static MySqlDataSource Open(string? connectionString)
    {
        if (string.IsNullOrWhiteSpace(connectionString))
            throw new InvalidOperationException(
                "ConnectionStrings:helpdesk is not set. Pass --ConnectionStrings:helpdesk \"Server=127.0.0.1;Port=3306;User=…;Password=…;Database=helpdesk\" "
                    + "or set the environment variable ConnectionStrings__helpdesk."
            );
        var builder = new MySqlConnectionStringBuilder(connectionString) { DateTimeKind = MySqlDateTimeKind.Utc };
        if (builder.Database.Length == 0)
            builder.Database = "helpdesk";
        return new MySqlDataSource(builder.ConnectionString);
    }

    /// <summary>Creates the database and the tables where they are missing.</summary>
    public static async Task EnsureSchemaAsync(MySqlDataSource source, CancellationToken stop)
    {
        using var resource = new StreamReader(typeof(Database).Assembly.GetManifestResourceStream("schema.sql")!);
        var schema = await resource.ReadToEndAsync(stop);
        try
        {
            await using var connection = await source.OpenConnectionAsync(stop);
            await connection.ExecuteAsync(schema);
        }
        catch (MySqlException e) when (e.ErrorCode == MySqlErrorCode.UnknownDatabase)
        {
            var builder = new MySqlConnectionStringBuilder(source.ConnectionString) { Pooling = false };
            var name = builder.Database.Replace("`", "``", StringComparison.Ordinal);
            builder.Database = "";
            await using var server = new MySqlConnection(builder.ConnectionString);
            await server.OpenAsync(stop);
            await server.ExecuteAsync($"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4; USE `{name}`; {schema}");
        }
    }

    /// <summary>Gives an empty desk its first categories and agents.</summary>
    public static async Task EnsurePeopleAsync(MySqlDataSource source, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        if (await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM categories") == 0)
            await connection.ExecuteAsync(
                "INSERT IGNORE INTO categories (name) VALUES (@Name)",
                FirstCategories.Select(Name => new { Name })
            );
        if (await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM agents") == 0)
            await connection.ExecuteAsync(
                "INSERT IGNORE INTO agents (name, email) VALUES (@Name, @Email)",
                FirstAgents.Select(Name => new { Name, Email = $"{Name.Split(' ')[0].ToLowerInvariant()}@desk.example" })
            );
    }
}
