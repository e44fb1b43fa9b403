namespace Millrace.TestServers;

/// <summary>
/// A running Kafka cluster of one broker or several: one that the whole test process shares (<see cref="SharedAsync"/>), or a private one
/// whose brokers a test may stop, kill, freeze and start again (<see cref="StartAsync"/>). Without Java or Kafka the test is skipped with
/// the reason; in CI it fails.
/// </summary>
/// <remarks>Brokers are counted from 1. Where a broker may be named, none means all.</remarks>
public sealed class KafkaBroker : IAsyncDisposable
{
    private const string Script = "kafka";

    private static readonly SemaphoreSlim Gate = new(1, 1);
    private static readonly Dictionary<int, KafkaBroker> Shared = [];
    private static int started;

    private readonly string? folder;

    private KafkaBroker(string bootstrap, int brokers, string? folder)
    {
        Bootstrap = bootstrap;
        Brokers = brokers;
        this.folder = folder;
    }

    /// <summary>The addresses, as <c>bootstrap.servers</c> takes them. They stay the same over restarts.</summary>
    public string Bootstrap { get; }

    /// <summary>How many brokers it has; topics can have as many replicas.</summary>
    public int Brokers { get; }

    /// <summary>
    /// The cluster that all tests of this process share; the first call starts it. MILLRACE_KAFKA names another one by its bootstrap
    /// servers. Give your topics, groups and transactional ids a prefix of your own: <see cref="NewPrefix"/>.
    /// </summary>
    public static async Task<KafkaBroker> SharedAsync(int brokers = 1)
    {
        await Gate.WaitAsync();
        try
        {
            if (!Shared.TryGetValue(brokers, out var cluster))
            {
                var named = Environment.GetEnvironmentVariable("MILLRACE_KAFKA");
                cluster = string.IsNullOrEmpty(named) ? await StartAsync(brokers) : new KafkaBroker(named, brokers, null);
                Shared.Add(brokers, cluster);
            }

            return cluster;
        }
        finally
        {
            Gate.Release();
        }
    }

    /// <summary>Starts a cluster of the caller's own, with further broker settings such as <c>message.max.bytes=2000000</c>.</summary>
    public static async Task<KafkaBroker> StartAsync(int brokers = 1, params string[] settings)
    {
        var folder = Path.Combine(Path.GetTempPath(), $"millrace-tests-{Environment.ProcessId}-kafka-{Interlocked.Increment(ref started)}");
        string[] arguments = ["--brokers", $"{brokers}", .. settings.Length == 0 ? Array.Empty<string>() : ["--", .. settings]];
        var bootstrap = await LaunchAsync(folder, arguments);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => ServerScript.Run(Script, "remove", folder);
        return new KafkaBroker(bootstrap, brokers, folder);
    }

    /// <summary>A prefix that no other test has.</summary>
    public static string NewPrefix(string name = "test") => $"{name}-{Guid.NewGuid().ToString("N")[..12]}-";

    /// <summary>Stops a broker (or all) in an orderly way and starts it again on the same ports and data.</summary>
    public async Task RestartAsync(int? broker = null)
    {
        await StopAsync(broker);
        await ResumeAsync(broker);
    }

    /// <summary>Stops a broker in an orderly way; <see cref="ResumeAsync"/> goes on with its data.</summary>
    public Task StopAsync(int? broker = null) => DisturbAsync("stop", broker);

    /// <summary>Kills a broker (-9), as a crash would; <see cref="ResumeAsync"/> goes on with its data.</summary>
    public Task KillAsync(int? broker = null) => DisturbAsync("kill", broker);

    /// <summary>Freezes a broker (SIGSTOP): its connections stay open and nothing answers, until <see cref="ContinueAsync"/>.</summary>
    public Task PauseAsync(int? broker = null) => DisturbAsync("pause", broker);

    /// <summary>Lets a frozen broker go on (SIGCONT).</summary>
    public Task ContinueAsync(int? broker = null) => DisturbAsync("continue", broker);

    /// <summary>Starts a broker that is down, on the same ports and data, and waits until the cluster knows it.</summary>
    public Task ResumeAsync(int? broker = null) => LaunchAsync(OwnFolder(), Of(broker));

    /// <summary>Ends a private cluster and forgets its data; a shared one goes on until the process ends.</summary>
    public async ValueTask DisposeAsync()
    {
        if (folder is not null && !Shared.ContainsValue(this))
        {
            await DisturbAsync("remove", null);
        }
    }

    private static async Task<string> LaunchAsync(string folder, string[] arguments)
    {
        var outcome = await ServerScript.RunAsync(Script, ["start", folder, "--while", $"{Environment.ProcessId}", .. arguments]);
        if (outcome.ExitCode == 4)
        {
            Unavailable.Because(outcome.Errors.Trim());
        }

        if (outcome.ExitCode != 0)
        {
            throw new InvalidOperationException(outcome.Errors.Trim());
        }

        return outcome.Values()["BOOTSTRAP"];
    }

    private async Task DisturbAsync(string verb, int? broker)
    {
        var outcome = await ServerScript.RunAsync(Script, [verb, OwnFolder(), .. Of(broker)]);
        if (outcome.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"{verb} of {(broker is null ? "the brokers" : $"broker {broker}")}: {outcome.Errors.Trim()}"
            );
        }
    }

    private static string[] Of(int? broker) => broker is null ? [] : ["--node", $"{broker}"];

    private string OwnFolder() =>
        folder ?? throw new InvalidOperationException("MILLRACE_KAFKA named this cluster; it is not ours to stop or start.");
}
