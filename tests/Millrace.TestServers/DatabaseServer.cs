using MySqlConnector;

namespace Millrace.TestServers;

/// <summary>
/// A running server: one that the whole test process shares (<see cref="SharedAsync"/>), or a private one that a test may stop, kill and
/// start again (<see cref="StartAsync"/>). Without a server the test is skipped with the reason; in CI it fails.
/// </summary>
public sealed class DatabaseServer : IAsyncDisposable
{
    private static readonly SemaphoreSlim Gate = new(1, 1);
    private static readonly Dictionary<ServerKind, DatabaseServer> Shared = [];
    private static int started;

    private readonly string? folder;
    private readonly string[] options;

    private DatabaseServer(ServerKind kind, string connectionString, string? folder, string? dataFolder, string[] options)
    {
        Kind = kind;
        ConnectionString = connectionString;
        DataFolder = dataFolder;
        this.folder = folder;
        this.options = options;
    }

    public ServerKind Kind { get; }

    /// <summary>As root (of a named server: as the user in its connection string), without a database.</summary>
    public string ConnectionString { get; }

    public string Host => new MySqlConnectionStringBuilder(ConnectionString).Server;

    public int Port => (int)new MySqlConnectionStringBuilder(ConnectionString).Port;

    /// <summary>Where a private server keeps its data and binlogs; null for a container, and for one that MILLRACE_MARIADB or MILLRACE_MYSQL names.</summary>
    public string? DataFolder { get; }

    /// <summary>
    /// The server that all tests of this process share; the first call starts it. MILLRACE_MARIADB and MILLRACE_MYSQL name another one by
    /// connection string. Work in a database of your own: <see cref="CreateDatabaseAsync"/>.
    /// </summary>
    public static async Task<DatabaseServer> SharedAsync(ServerKind kind)
    {
        await Gate.WaitAsync();
        try
        {
            if (!Shared.TryGetValue(kind, out var server))
            {
                var named = Environment.GetEnvironmentVariable(kind == ServerKind.MariaDb ? "MILLRACE_MARIADB" : "MILLRACE_MYSQL");
                server = string.IsNullOrEmpty(named) ? await StartAsync(kind) : new DatabaseServer(kind, named, null, null, []);
                Shared.Add(kind, server);
            }

            return server;
        }
        finally
        {
            Gate.Release();
        }
    }

    /// <summary>Starts a server of the caller's own, with further server options such as <c>--binlog-row-metadata=FULL</c>.</summary>
    public static async Task<DatabaseServer> StartAsync(ServerKind kind, params string[] options)
    {
        var name = $"millrace-tests-{Environment.ProcessId}-{kind}-{Interlocked.Increment(ref started)}".ToLowerInvariant();
        var folder = Path.Combine(Path.GetTempPath(), name);
        var values = await LaunchAsync(kind, folder, null, options);
        var connectionString = new MySqlConnectionStringBuilder
        {
            Server = values["HOST"],
            Port = uint.Parse(values["PORT"]),
            UserID = values["USER"],
            Password = values["PASSWORD"],
            AllowPublicKeyRetrieval = true,
            AllowUserVariables = true,
        }.ConnectionString;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => ServerScript.Run(Script(kind), "remove", folder);
        return new DatabaseServer(kind, connectionString, folder, values["DATADIR"] is { Length: > 0 } data ? data : null, options);
    }

    /// <summary>An empty database of its own on this server, dropped when disposed.</summary>
    public async Task<TestDatabase> CreateDatabaseAsync(string prefix = "test")
    {
        var name = $"{prefix}_{Guid.NewGuid().ToString("N")[..12]}";
        await ExecuteAsync($"CREATE DATABASE `{name}` CHARACTER SET utf8mb4");
        return new TestDatabase(this, name);
    }

    /// <summary>Runs one or more statements as root.</summary>
    public Task<int> ExecuteAsync(string sql) => Sql.ExecuteAsync(ConnectionString, sql);

    /// <summary>Runs a query as root; all its rows, each an array of values (null for NULL).</summary>
    public Task<List<object?[]>> QueryAsync(string sql) => Sql.QueryAsync(ConnectionString, sql);

    /// <summary>The binlog file being written and the position at its end.</summary>
    public async Task<(string File, long Position)> BinlogHeadAsync()
    {
        var row = (await QueryAsync(Kind == ServerKind.MariaDb ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS"))[0];
        return ((string)row[0]!, Convert.ToInt64(row[1]));
    }

    /// <summary>Begins a new binlog file and removes all older ones, as an expiry would.</summary>
    public async Task PurgeBinlogsAsync()
    {
        await ExecuteAsync("FLUSH BINARY LOGS");
        var (file, _) = await BinlogHeadAsync();
        var deadline = DateTime.UtcNow.AddSeconds(30);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while ((await QueryAsync("SHOW BINARY LOGS")).Count > 1)
        {
            // A server keeps a file for as long as its storage engine or a replica still needs it.
            await ExecuteAsync($"PURGE BINARY LOGS TO '{file}'");
            if (DateTime.UtcNow > deadline)
            {
                throw new TimeoutException($"The binlogs before {file} are still in use after 30 s; does a replica read them?");
            }

            await pause.WaitForNextTickAsync();
        }
    }

    /// <summary>Stops and starts it, in an orderly way, on the same port and data.</summary>
    public async Task RestartAsync(params string[] newOptions)
    {
        await StopAsync();
        await ResumeAsync(newOptions);
    }

    /// <summary>Stops it in an orderly way; <see cref="ResumeAsync"/> goes on with its data.</summary>
    public Task StopAsync() => EndAsync("stop");

    /// <summary>Kills it (-9), as a crash would; <see cref="ResumeAsync"/> goes on with its data.</summary>
    public Task KillAsync() => EndAsync("kill");

    /// <summary>Starts it again on the same port and data, with these options or, when none are given, those of its first start.</summary>
    public Task ResumeAsync(params string[] newOptions) =>
        LaunchAsync(Kind, OwnFolder(), Port, newOptions.Length == 0 ? options : newOptions);

    /// <summary>Ends a private server and forgets its data; a shared one goes on until the process ends.</summary>
    public async ValueTask DisposeAsync()
    {
        if (folder is not null && !Shared.ContainsValue(this))
        {
            await EndAsync("remove");
        }
    }

    private static async Task<Dictionary<string, string>> LaunchAsync(ServerKind kind, string folder, int? port, string[] options)
    {
        string[] arguments =
        [
            "start",
            folder,
            .. port is null ? Array.Empty<string>() : [$"{port}"],
            "--while",
            $"{Environment.ProcessId}",
            "--",
            // Nothing is lost when the process is killed; only a power cut could lose anything, and commits are many times faster.
            "--sync-binlog=0",
            "--innodb-flush-log-at-trx-commit=2",
            .. options,
        ];
        var outcome = await ServerScript.RunAsync(Script(kind), arguments);
        if (outcome.ExitCode == 4)
        {
            Unavailable.Because(outcome.Errors.Trim());
        }

        if (outcome.ExitCode != 0)
        {
            throw new InvalidOperationException(outcome.Errors.Trim());
        }

        return outcome.Values();
    }

    private async Task EndAsync(string verb)
    {
        MySqlConnection.ClearAllPools();
        var outcome = await ServerScript.RunAsync(Script(Kind), verb, OwnFolder());
        if (outcome.ExitCode != 0)
        {
            throw new InvalidOperationException($"The server could not be ended ({verb}): {outcome.Errors}");
        }
    }

    private static string Script(ServerKind kind) => kind == ServerKind.MariaDb ? "mariadb" : "mysql";

    private string OwnFolder() =>
        folder ?? throw new InvalidOperationException("This server was named by a connection string; it is not ours to stop or start.");
}
