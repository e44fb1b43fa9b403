using System.Diagnostics;
using System.Globalization;
using System.Text;
using Millrace.Engines;
using Millrace.Engines.Contract;
using Millrace.TestServers;

namespace Millrace.Kafka.Tests.Chaos;

/// <summary>How long and how hard.</summary>
internal sealed record ChaosSettings
{
    public required int Seed { get; init; }

    public long Changes { get; init; } = 500_000;

    public int PerSecond { get; init; } = 2000;

    public int Brokers { get; init; } = 1;

    /// <summary>Which faults, as often as they are named.</summary>
    public IReadOnlyList<string> Faults { get; init; } = ["kill", "kill", "freeze", "freeze", "broker-restart", "broker-freeze"];

    public TimeSpan Between { get; init; } = TimeSpan.FromSeconds(20);
}

/// <summary>
/// One round: three processes over eight partitions, a fault every so often, and somebody who reads along. Everything must be there once and in order,
/// work must go on between faults, and each copy of the state must be what the source's changes make.
/// </summary>
internal sealed class ChaosRound(ChaosSettings settings, Action<string> say)
{
    private static readonly TimeSpan Progress = TimeSpan.FromSeconds(90);

    private readonly Random _random = new(settings.Seed);
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <summary>Runs it.</summary>
    /// <returns>How many faults there were.</returns>
    public async Task<int> Run(string folder)
    {
        await using var broker = await KafkaBroker.StartAsync(settings.Brokers);
        var prefix = KafkaBroker.NewPrefix("chaos");
        Node[] nodes =
        [
            .. Enumerable
                .Range(0, 3)
                .Select(n => new Node(broker.Bootstrap, prefix, Path.Combine(folder, $"node{n}"), settings.Changes, settings.PerSecond)),
        ];
        try
        {
            using var auditor = new Auditor(broker.Bootstrap, prefix);
            Until(auditor, nodes, () => auditor.Outputs > 0, "the first output");
            var faults = 0;
            while (auditor.Outputs < settings.Changes)
            {
                Read(auditor, nodes, settings.Between, settings.Changes);
                if (auditor.Inputs >= settings.Changes)
                {
                    break;
                }
                await Fault(broker, nodes, auditor);
                faults++;
                var before = auditor.Outputs;
                Until(auditor, nodes, () => auditor.Outputs > before || before == settings.Changes, $"progress after fault {faults}");
            }
            Until(auditor, nodes, () => auditor.Outputs == settings.Changes, "all outputs");
            Say($"{auditor.Outputs} outputs after {faults} faults");
            await Viewed(broker.Bootstrap, prefix, folder, auditor, nodes);
            foreach (var node in nodes)
            {
                var code = node.StopCleanly();
                Must(code == 0, $"{node.Folder} ended with {code} after SIGTERM");
            }
            auditor.Read(TimeSpan.FromSeconds(1));
            auditor.CheckEnds();
            for (var n = 0; n < nodes.Length; n++)
            {
                await CheckState(Node.Options(broker.Bootstrap, prefix, nodes[n].Folder), auditor);
            }
            await CheckState(Node.Options(broker.Bootstrap, prefix, Path.Combine(folder, "fresh")), auditor);
            return faults;
        }
        finally
        {
            foreach (var node in nodes)
            {
                node.Dispose();
            }
        }
    }

    private async Task Fault(KafkaBroker broker, Node[] nodes, Auditor auditor)
    {
        var node = nodes[_random.Next(nodes.Length)];
        int? which = settings.Brokers == 1 ? null : 1 + _random.Next(settings.Brokers);
        var pause = TimeSpan.FromSeconds(_random.Next(1, 15));
        switch (settings.Faults[_random.Next(settings.Faults.Count)])
        {
            case "kill":
                Say($"kill -9 of {node.Folder}");
                node.Kill();
                Read(auditor, nodes, TimeSpan.FromSeconds(_random.Next(0, 8)), long.MaxValue);
                node.Restart();
                break;
            case "freeze":
                Say($"SIGSTOP of {node.Folder} for {pause.TotalSeconds} s");
                node.Freeze();
                Read(auditor, nodes, pause, long.MaxValue);
                node.Thaw();
                break;
            case "broker-restart":
                Say($"restart of broker {which}");
                await broker.RestartAsync(which);
                break;
            case "broker-freeze":
                Say($"SIGSTOP of broker {which} for {pause.TotalSeconds} s");
                await broker.PauseAsync(which);
                Read(auditor, nodes, pause, long.MaxValue);
                await broker.ContinueAsync(which);
                break;
            case "broker-kill":
                Say($"kill -9 of broker {which}");
                await broker.KillAsync(which);
                Read(auditor, nodes, pause, long.MaxValue);
                await broker.ResumeAsync(which);
                break;
            case var other:
                throw new InvalidOperationException(
                    $"There is no fault '{other}': kill, freeze, broker-kill, broker-freeze, broker-restart."
                );
        }
    }

    private void Read(Auditor auditor, Node[] nodes, TimeSpan time, long enough)
    {
        var until = _clock.Elapsed + time;
        while (_clock.Elapsed < until && auditor.Outputs < enough)
        {
            auditor.Read(TimeSpan.FromMilliseconds(250));
            foreach (var node in nodes)
            {
                if (node.HasEnded && node.Lines() is [.., not "(killed)" and var last])
                {
                    Say($"{node.Folder} ended by itself with {node.ExitCode()}: {last}");
                    Must(node.Lines().Exists(l => l.StartsWith("ends ", StringComparison.Ordinal)), $"{node.Folder} broke: {last}");
                    node.Restart();
                }
            }
        }
    }

    private void Until(Auditor auditor, Node[] nodes, Func<bool> condition, string what)
    {
        var until = _clock.Elapsed + Progress;
        while (!condition())
        {
            Must(
                _clock.Elapsed < until,
                $"no {what} within {Progress.TotalSeconds} s: {auditor.Outputs} outputs of {auditor.Inputs} inputs"
            );
            Read(auditor, nodes, TimeSpan.FromMilliseconds(250), long.MaxValue);
        }
    }

    /// <summary>The view is behind the outputs: waits until all of it is counted.</summary>
    private async Task Viewed(string bootstrap, string prefix, string folder, Auditor auditor, Node[] nodes)
    {
        await using var engine = KafkaEngine.Open(Node.Options(bootstrap, prefix, Path.Combine(folder, "reader")));
        Until(auditor, nodes, () => Counts(engine).Values.Sum() >= settings.Changes, "view of everything");
    }

    private async Task CheckState(KafkaOptions options, Auditor auditor)
    {
        await using var engine = KafkaEngine.Open(options);
        var entities = new Dictionary<string, (long, ulong)>(StringComparer.Ordinal);
        var thirds = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var p = 0; p < Workload.Partitions; p++)
        {
            foreach (var (key, value) in Rows(engine, Workload.Fold, p))
            {
                if (key.StartsWith("e/", StringComparison.Ordinal))
                {
                    var parts = value.Split(' ');
                    entities.Add(
                        key[2..],
                        (long.Parse(parts[0], CultureInfo.InvariantCulture), ulong.Parse(parts[1], CultureInfo.InvariantCulture))
                    );
                }
                else
                {
                    thirds.Add(key["third/".Length..], long.Parse(value, CultureInfo.InvariantCulture));
                }
            }
        }
        Must(Same(auditor.Entities, entities), $"the state in {options.Folder} is not what was put in");
        Must(Same(auditor.Thirds, thirds), $"the state in {options.Folder} has what was deleted, or lacks what was written");
        var view = Counts(engine);
        Must(
            Same(auditor.Entities.ToDictionary(e => e.Key, e => e.Value.Count), view),
            $"the view in {options.Folder} counts {view.Values.Sum()} of {settings.Changes}"
        );
    }

    private static Dictionary<string, long> Counts(KafkaEngine engine)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var p = 0; p < Workload.Partitions; p++)
        {
            foreach (var (key, value) in Rows(engine, Workload.View, p))
            {
                counts.Add(key[2..], long.Parse(value, CultureInfo.InvariantCulture));
            }
        }
        return counts;
    }

    private static bool Same<T>(IReadOnlyDictionary<string, T> one, IReadOnlyDictionary<string, T> other) =>
        one.Count == other.Count && one.All(e => other.TryGetValue(e.Key, out var value) && value!.Equals(e.Value));

    private static List<(string Key, string Value)> Rows(KafkaEngine engine, string state, int partition)
    {
        var rows = new List<(string, string)>();
        using var cursor = engine.OpenState(state, partition).Range(" "u8, "~"u8);
        while (cursor.MoveNext())
        {
            rows.Add((Encoding.UTF8.GetString(cursor.Key), Encoding.UTF8.GetString(cursor.Value)));
        }
        return rows;
    }

    private void Say(string what) => say($"{_clock.Elapsed.TotalSeconds, 6:0.0} s  {what}");

    private static void Must(bool so, string otherwise)
    {
        if (!so)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
