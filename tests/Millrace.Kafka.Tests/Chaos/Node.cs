using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Millrace.Kafka.Tests.Chaos;

/// <summary>A process of the workload, which tests stop, freeze and kill.</summary>
internal sealed partial class Node : IDisposable
{
    private const int Stop = 19;
    private const int Continue = 18;
    private const int Terminate = 15;

    private readonly string[] _arguments;
    private readonly StreamWriter _log;
    private readonly List<string> _lines = [];
    private Process _process;

    public Node(string bootstrap, string prefix, string folder, long changes, int perSecond)
    {
        Folder = folder;
        Directory.CreateDirectory(folder);
        _log = new StreamWriter(folder + ".log", append: true) { AutoFlush = true };
        _arguments = ["node", bootstrap, prefix, folder, $"{changes}", $"{perSecond}"];
        _process = Launch();
    }

    public string Folder { get; }

    public bool HasEnded => _process.HasExited;

    /// <summary>How it ended, when all it said has come.</summary>
    public int ExitCode()
    {
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>The process itself: what it does and prints.</summary>
    public static async Task<int> Run(string[] args)
    {
        using var stopping = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(
            PosixSignal.SIGTERM,
            context =>
            {
                context.Cancel = true;
                stopping.Cancel();
            }
        );
        var output = Console.Out;
        void Say(string line)
        {
            lock (output)
            {
                output.WriteLine(line);
                output.Flush();
            }
        }
        var engine = KafkaEngine.Open(Options(args[0], args[1], args[2]), new NodeLog(Say));
        try
        {
            var changes = long.Parse(args[3], CultureInfo.InvariantCulture);
            var perSecond = int.Parse(args[4], CultureInfo.InvariantCulture);
            await new Workload(engine, changes, perSecond, Say).RunAsync(stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested) { }
        catch (Engines.EngineException e)
        {
            // As a process that cannot start: it ends, and whoever runs it starts it again.
            Say($"ends {e}");
            await engine.DisposeAsync();
            return 3;
        }
        var since = Stopwatch.GetTimestamp();
        await engine.DisposeAsync();
        Say($"read {engine.Follower.Read}");
        Say($"closed after {Stopwatch.GetElapsedTime(since).TotalSeconds:0.0} s");
        return 0;
    }

    public static KafkaOptions Options(string bootstrap, string prefix, string folder) =>
        new()
        {
            BootstrapServers = bootstrap,
            Prefix = prefix,
            Folder = folder,
            SessionTimeout = TimeSpan.FromSeconds(6),
            TransactionTimeout = TimeSpan.FromSeconds(10),
        };

    public void Freeze() => Signal(Stop);

    public void Thaw() => Signal(Continue);

    /// <summary>Ends it at once, frozen or not.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
        Said("(killed)");
    }

    public void Restart()
    {
        _process.Dispose();
        _process = Launch();
    }

    /// <summary>Stops it cleanly.</summary>
    /// <returns>How it ended.</returns>
    public int StopCleanly()
    {
        Signal(Terminate);
        if (!_process.WaitForExit(60_000))
        {
            throw new InvalidOperationException($"The process of {Folder} did not end within a minute of SIGTERM.");
        }
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>What it has said since it was last started.</summary>
    public List<string> Lines()
    {
        lock (_lines)
        {
            return [.. _lines];
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }
        _process.Dispose();
        lock (_lines)
        {
            _log.Dispose();
        }
    }

    private Process Launch()
    {
        lock (_lines)
        {
            _lines.Clear();
        }
        var process = Process.Start(
            new ProcessStartInfo(Environment.ProcessPath!, _arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        process.OutputDataReceived += (_, line) => Said(line.Data);
        process.ErrorDataReceived += (_, line) => Said(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private void Said(string? line)
    {
        if (line is null)
        {
            return;
        }
        lock (_lines)
        {
            _lines.Add(line);
            if (_log.BaseStream is not null)
            {
                _log.WriteLine($"{DateTime.UtcNow:HH:mm:ss.fff} {line}");
            }
        }
    }

    private void Signal(int signal)
    {
        if (kill(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"The process of {Folder} could not be signalled; it has ended.");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);

    private sealed class NodeLog(Action<string> say) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel level) => level >= LogLevel.Information;

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format) =>
            say($"{level} {format(state, exception)}");
    }
}
