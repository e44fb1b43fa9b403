using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Sources;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Source;

/// <summary>A source at work on a database, until disposed: then it is stopped as a crash would, between any two commits.</summary>
internal sealed class RunningSource : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    readonly TestDatabase _database;

    public RunningSource(RecordingCapture capture, TestDatabase database, int chunkRows = 2000)
        : this(capture, database, database.ConnectionString, chunkRows) { }

    public RunningSource(RecordingCapture capture, TestDatabase database, string connectionString, int chunkRows = 2000)
        : this(capture, database, Of(connectionString, chunkRows)) { }

    public RunningSource(RecordingCapture capture, TestDatabase database, MySqlSource source)
    {
        Capture = capture;
        _database = database;
        Source = source;
        Running = Source.RunAsync(capture, _stop.Token);
    }

    public static MySqlSource Of(string connectionString, int chunkRows = 2000) =>
        new(
            "desk",
            new MySqlSourceOptions { ConnectionString = connectionString, ChunkRows = chunkRows },
            TimeProvider.System,
            NullLogger.Instance
        );

    public RecordingCapture Capture { get; }

    public MySqlSource Source { get; }

    public Task Running { get; }

    /// <summary>Waits for something to become true.</summary>
    public async Task Until(Func<Task<bool>> condition, Func<string> otherwise)
    {
        var deadline = DateTime.UtcNow + Patience;
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            if (Running.IsFaulted)
                await Running;
            Assert.True(DateTime.UtcNow < deadline, $"{otherwise()} {Capture.Status}");
            await pause.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    public Task Until(Func<bool> condition, string otherwise) => Until(() => Task.FromResult(condition()), () => otherwise);

    /// <summary>Waits until the captured rows are those of the table, by columns id and v.</summary>
    public async Task UntilEqual(string table)
    {
        List<string> there = [],
            here = [];
        await Until(
            async () =>
            {
                there =
                [
                    .. (await _database.QueryAsync($"SELECT id, v FROM {table}"))
                        .Select(r => $"{r[0]}={r[1]}")
                        .Order(StringComparer.Ordinal),
                ];
                here = [.. Capture.Rows(table).Values.Select(Pair).Order(StringComparer.Ordinal)];
                return there.SequenceEqual(here);
            },
            () =>
                $"{table}: the server has {there.Count} rows, the capture {here.Count}; "
                + $"only there: {string.Join(", ", there.Except(here).Take(5))}; only here: {string.Join(", ", here.Except(there).Take(5))}."
        );
    }

    static string Pair(string json)
    {
        using var row = System.Text.Json.JsonDocument.Parse(json);
        return $"{row.RootElement.GetProperty("id")}={row.RootElement.GetProperty("v")}";
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Running.ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }
}
