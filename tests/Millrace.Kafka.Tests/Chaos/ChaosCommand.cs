using System.Globalization;

namespace Millrace.Kafka.Tests.Chaos;

/// <summary>Long rounds, for eng/chaos.</summary>
internal static class ChaosCommand
{
    public static async Task<int> Run(string[] args)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["--rounds"] = "1",
            ["--changes"] = "500000",
            ["--rate"] = "2000",
            ["--brokers"] = "1",
            ["--every"] = "20",
            ["--faults"] = "kill,kill,freeze,freeze,broker-restart,broker-freeze",
            ["--seed"] = $"{Random.Shared.Next(1, 1_000_000)}",
        };
        for (var i = 0; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length || !options.ContainsKey(args[i]))
            {
                Console.Error.WriteLine($"'{args[i]}' is not understood. Options, each with a value: {string.Join(' ', options.Keys)}");
                return 2;
            }
            options[args[i]] = args[i + 1];
        }
        int Number(string name) => int.Parse(options[name], CultureInfo.InvariantCulture);
        for (var round = 0; round < Number("--rounds"); round++)
        {
            var settings = new ChaosSettings
            {
                Seed = Number("--seed") + round,
                Changes = Number("--changes"),
                PerSecond = Number("--rate"),
                Brokers = Number("--brokers"),
                Faults = options["--faults"].Split(','),
                Between = TimeSpan.FromSeconds(Number("--every")),
            };
            Console.WriteLine($"round {round + 1} of {Number("--rounds")}: --seed {settings.Seed} --brokers {settings.Brokers}");
            var folder = Directory.CreateTempSubdirectory("millrace-chaos-").FullName;
            try
            {
                var faults = await new ChaosRound(settings, Console.WriteLine).Run(folder);
                Console.WriteLine($"round {round + 1} is good: {settings.Changes} changes once and in order, {faults} faults");
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e)
            {
                Console.WriteLine($"round {round + 1} FAILED with --seed {settings.Seed}; what the processes said is in {folder}\n{e}");
                return 1;
            }
        }
        return 0;
    }
}
