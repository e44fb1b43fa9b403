using System.Diagnostics;

namespace Millrace.SystemTests.Node;

/// <summary>A node as the tests see it: started, asked, killed.</summary>
public sealed class NodeProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly List<string> _log = [];

    private NodeProcess(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Add(line.Data ?? "");
            }
        };
        process.BeginErrorReadLine();
    }

    /// <summary>The last lines of its log.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return string.Join('\n', _log.TakeLast(40));
            }
        }
    }

    public static NodeProcess Start(Home home, string connection)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (
            var argument in (string[])[typeof(NodeProcess).Assembly.Location, "node", connection, home.Folder, home.Bootstrap, home.Prefix]
        )
        {
            start.ArgumentList.Add(argument);
        }
        return new NodeProcess(Process.Start(start)!);
    }

    /// <summary>Waits until it runs.</summary>
    public async Task<NodeProcess> StartedAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        while (await _process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            if (line == "started")
            {
                return this;
            }
        }
        throw new InvalidOperationException($"The node did not start.\n{Log}");
    }

    public async Task<List<string>> AskAsync(string question)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        await _process.StandardInput.WriteLineAsync(question.AsMemory(), deadline.Token);
        await _process.StandardInput.FlushAsync(deadline.Token);
        var answer = new List<string>();
        while (await _process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            if (line == ".")
            {
                return answer;
            }
            answer.Add(line);
        }
        throw new InvalidOperationException($"The node ended.\n{Log}");
    }

    public async Task<NodeStatus> StatusAsync() => NodeStatus.Read((await AskAsync("status"))[0]);

    /// <summary>How many records its command log has.</summary>
    public async Task<long> CommandsAsync() =>
        long.Parse((await AskAsync("commands"))[0], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Waits until its command log has so many records; returns how many it has then.</summary>
    public async Task<long> ReachesAsync(long commands)
    {
        var deadline = Stopwatch.StartNew();
        while (true)
        {
            var now = await CommandsAsync();
            if (now >= commands)
            {
                return now;
            }
            if (deadline.Elapsed.TotalSeconds > 180)
            {
                throw new TimeoutException($"Its command log has {now} records after 180 s, not {commands}.\n{Log}");
            }
        }
    }

    /// <summary>Waits until it has read the server's head as it is now and everything below has handled it.</summary>
    public async Task<NodeStatus> CaughtUpAsync(Func<Task<string>> head, int seconds = 180)
    {
        var deadline = Stopwatch.StartNew();
        var wanted = await head();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            var status = await StatusAsync();
            if (status.Lag == 0 && status.SourceLag == 0 && status.Snapshots == 0 && status.Has(wanted))
            {
                return status;
            }
            if (deadline.Elapsed.TotalSeconds > seconds)
            {
                throw new TimeoutException($"The node has not caught up with {wanted} after {seconds} s: {status}\n{Log}");
            }
            await pause.WaitForNextTickAsync();
        }
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async Task<int> StopAsync()
    {
        if (!_process.HasExited)
        {
            await _process.StandardInput.WriteLineAsync("stop");
            await _process.StandardInput.FlushAsync();
        }
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }
        _process.Dispose();
    }
}

/// <summary>What a node says of itself.</summary>
public sealed record NodeStatus(
    string Position,
    string Head,
    long? SourceLag,
    long Lag,
    int Snapshots,
    int Held,
    long Waiting,
    long Events,
    string Problem
)
{
    public static NodeStatus Read(string line)
    {
        var parts = line.Split('|');
        return new NodeStatus(
            parts[0],
            parts[1],
            long.TryParse(parts[2], out var lag) ? lag : null,
            long.Parse(parts[3]),
            int.Parse(parts[4]),
            int.Parse(parts[5]),
            long.Parse(parts[6]),
            long.Parse(parts[7]),
            parts[8]
        );
    }

    /// <summary>Whether it has read up to a place in the binlog, given as file:offset.</summary>
    public bool Has(string place) => Compare(Position, place) >= 0;

    private static int Compare(string left, string right)
    {
        var (leftFile, leftOffset) = Parse(left);
        var (rightFile, rightOffset) = Parse(right);
        var order = string.CompareOrdinal(leftFile, rightFile);
        return order != 0 ? order : leftOffset.CompareTo(rightOffset);
    }

    private static (string File, long Offset) Parse(string place)
    {
        // "binlog.000003:1234", with a GTID set after it where the server has them.
        var text = place.Split(' ', ';')[0];
        var colon = text.LastIndexOf(':');
        return colon > 0 && long.TryParse(text[(colon + 1)..], out var offset) ? (text[..colon], offset) : ("", 0);
    }
}
