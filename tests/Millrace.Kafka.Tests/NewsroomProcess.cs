using System.Diagnostics;
using Millrace.Engines.Contract;
using Millrace.Tests.Replay;

namespace Millrace.Kafka.Tests;

/// <summary>A newsroom in a process of its own, which a test kills.</summary>
internal sealed class NewsroomProcess : IDisposable
{
    private const string Ready = "ready";

    private readonly TemporaryFolder _folder = new();
    private readonly string[] _arguments;
    private Process _process;

    private NewsroomProcess(string bootstrap, string prefix)
    {
        _arguments = ["newsroom", bootstrap, prefix, _folder.Path];
        _process = Launch();
    }

    /// <summary>Starts one; returns when it takes part.</summary>
    public static async Task<NewsroomProcess> StartAsync(string bootstrap, string prefix)
    {
        var process = new NewsroomProcess(bootstrap, prefix);
        await process.ReadyAsync();
        return process;
    }

    /// <summary>The process itself: it decides until it is killed.</summary>
    public static async Task<int> Run(string[] args)
    {
        await using var engine = KafkaEngine.Open(GenerationTests.Options(args[0], args[1], args[2]));
        await using var room = await new Newsroom(engine, version: 0, candidate: 1, partitions: GenerationTests.Partitions).StartAsync();
        Console.WriteLine(Ready);
        await Console.In.ReadToEndAsync();
        return 0;
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public async Task StartAgainAsync()
    {
        _process.Dispose();
        _process = Launch();
        await ReadyAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }
        _process.Dispose();
        _folder.Dispose();
    }

    private async Task ReadyAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync(Newsroom.Cancellation) is { } line)
        {
            if (line == Ready)
            {
                return;
            }
        }
        throw new InvalidOperationException("The newsroom's process ended before it was ready.");
    }

    private Process Launch() =>
        Process.Start(
            new ProcessStartInfo(Environment.ProcessPath!, _arguments) { RedirectStandardOutput = true, RedirectStandardInput = true }
        )!;
}
