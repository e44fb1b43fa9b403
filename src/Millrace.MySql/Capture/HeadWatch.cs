using MySqlConnector;

namespace Millrace.MySql.Capture;

/// <summary>The server's head as it was seen last.</summary>
/// <param name="Head">Where it was.</param>
/// <param name="Asked">When it was asked for, microseconds since 1970, by the earlier of both clocks.</param>
internal sealed record SeenHead(ServerHead Head, long Asked);

/// <summary>Asks for the server's head about each second.</summary>
internal sealed class HeadWatch(string connectionString, ServerFacts server, TimeProvider clock)
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Asks until cancelled. Its own trouble is not the stream's: it says that it does not know, and tries again.</summary>
    public async Task Run(Action<SeenHead?> seen, CancellationToken ct)
    {
        MySqlConnection? connection = null;
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            do
            {
                try
                {
                    if (connection is null)
                    {
                        connection = new MySqlConnection(connectionString);
                        await connection.OpenAsync(ct);
                    }
                    var asked = Math.Min(await ServerTime(connection, ct), (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10);
                    seen(new SeenHead(await server.ReadHead(connection, ct), asked));
                }
                catch (MySqlException)
                {
                    seen(null);
                    if (connection is not null)
                        await connection.DisposeAsync();
                    connection = null;
                }
            } while (await timer.WaitForNextTickAsync(ct));
        }
        finally
        {
            if (connection is not null)
                await connection.DisposeAsync();
        }
    }

    static async Task<long> ServerTime(MySqlConnection connection, CancellationToken ct)
    {
        await using var command = new MySqlCommand("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)", connection);
        return Convert.ToInt64(await command.ExecuteScalarAsync(ct));
    }
}
