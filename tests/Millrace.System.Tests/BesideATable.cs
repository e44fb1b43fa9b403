using System.Globalization;
using Millrace.SystemTests.Domain;
using Millrace.SystemTests.Node;
using Millrace.TestServers;

namespace Millrace.SystemTests;

public enum EngineKind
{
    Embedded,
    Kafka,
}

/// <summary>Where a node keeps what it has: a folder, and on Kafka a broker and the prefix of its names there.</summary>
public sealed record Home(string Folder, string Bootstrap = "", string Prefix = "");

/// <summary>A database with the orders' schema, a home for each node, and the comparison with SQL.</summary>
public sealed class BesideATable : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly List<string> _folders = [];

    private BesideATable(DatabaseServer server, TestDatabase database, string account)
    {
        Server = server;
        _database = database;
        Account = account;
    }

    public DatabaseServer Server { get; }

    /// <summary>The workload's connection.</summary>
    public string Connection => _database.ConnectionString;

    /// <summary>The node's connection, with an account that may do no more than it must.</summary>
    public string Account { get; }

    public static async Task<BesideATable> OpenAsync(ServerKind kind, params string[] options)
    {
        var server = await DatabaseServer.StartAsync(kind, options);
        var database = await server.CreateDatabaseAsync("orders");
        return new BesideATable(server, database, await database.CapturingAccountAsync());
    }

    public string NewFolder()
    {
        var folder = Directory.CreateTempSubdirectory("millrace-system-").FullName;
        _folders.Add(folder);
        return folder;
    }

    public async Task<Home> NewHomeAsync(EngineKind engine) =>
        engine == EngineKind.Kafka
            ? new Home(NewFolder(), (await KafkaBroker.SharedAsync()).Bootstrap, KafkaBroker.NewPrefix("orders"))
            : new Home(NewFolder());

    public Task<NodeProcess> StartAsync(Home home) => NodeProcess.Start(home, Account).StartedAsync();

    public async Task<string> HeadAsync()
    {
        var (file, position) = await Server.BinlogHeadAsync();
        return $"{file}:{position}";
    }

    /// <summary>Fails unless the views say what SQL says.</summary>
    public async Task AgreesAsync(NodeProcess node)
    {
        await node.CaughtUpAsync(HeadAsync);
        var expected = (await _database.QueryAsync(Orders.Expected))
            .Select(row =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Key((string)row[0]!)}|{row[1]}|{Convert.ToDecimal(row[2]):F4}|{row[3]}|{Convert.ToDecimal(row[4]):F2}|{row[5]}"
                )
            )
            .ToList();
        var actual = await node.AskAsync("summaries");
        var differs = expected.Except(actual).Concat(actual.Except(expected)).Select(line => line.Split('|')[0]).FirstOrDefault();
        var story = differs is null ? [] : await node.AskAsync($"story {differs}");
        Assert.True(
            differs is null,
            $"SQL and the view disagree about {differs}:\n{string.Join('\n', expected.Where(line => line.StartsWith($"{differs}|", StringComparison.Ordinal)))}\n"
                + $"{string.Join('\n', actual.Where(line => line.StartsWith($"{differs}|", StringComparison.Ordinal)))}\n{string.Join('\n', story)}"
        );
    }

    /// <summary>Fails unless as many rows wait for their root as SQL finds without a parent.</summary>
    public async Task WaitsForNobodyElseAsync(NodeProcess node) =>
        Assert.Equal(Convert.ToInt64((await _database.QueryAsync(Orders.Orphans))[0][0]), (await node.StatusAsync()).Waiting);

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        await Server.DisposeAsync();
        foreach (var folder in _folders)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The entity's id of SQL's "region,no": a comma in the region is escaped.</summary>
    private static string Key(string sql)
    {
        var comma = sql.LastIndexOf(',');
        return $"{sql[..comma].Replace(",", "\\,", StringComparison.Ordinal)},{sql[(comma + 1)..]}";
    }
}
