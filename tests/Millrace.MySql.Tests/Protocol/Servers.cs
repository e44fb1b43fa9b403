using Millrace.MySql.Binlog;
using Millrace.MySql.Protocol;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Protocol;

/// <summary>This client against real servers.</summary>
internal static class Servers
{
    static int lastId = 40_000 + Environment.ProcessId % 1000 * 100;

    /// <summary>A replica's id that no other test of this process has.</summary>
    public static uint NextId() => (uint)Interlocked.Increment(ref lastId);

    public static ConnectionOptions Options(this DatabaseServer server, string user = "root", string password = "") =>
        new()
        {
            Host = server.Host,
            Port = server.Port,
            User = user,
            Password = password,
        };

    /// <summary>An account of a test's own, with what a replica needs unless told otherwise.</summary>
    public static async Task<ConnectionOptions> User(
        this DatabaseServer server,
        string identified,
        string password,
        string? grants = "REPLICATION SLAVE, REPLICATION CLIENT"
    )
    {
        var name = $"u{Guid.NewGuid().ToString("N")[..10]}";
        await server.ExecuteAsync($"CREATE USER '{name}'@'%' {identified}");
        if (grants is not null)
            await server.ExecuteAsync($"GRANT {grants} ON *.* TO '{name}'@'%'");
        return server.Options(name, password);
    }

    public static async Task<BinlogPosition> Head(this DatabaseServer server)
    {
        var (file, position) = await server.BinlogHeadAsync();
        return new BinlogPosition(file, (ulong)position);
    }

    public static async Task<BinlogReader> Dump(this ConnectionOptions options, BinlogStart start, bool nonBlocking = true, uint? id = null)
    {
        var ct = TestContext.Current.CancellationToken;
        var connection = await ServerConnection.Open(options, ct);
        try
        {
            var dump = new DumpOptions
            {
                ServerId = id ?? NextId(),
                Start = start,
                NonBlocking = nonBlocking,
            };
            return await ReplicationClient.Start(connection, dump, ct);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public static Task<BinlogReader> Dump(this ConnectionOptions options, BinlogPosition start) => options.Dump(new BinlogStart.At(start));
}
