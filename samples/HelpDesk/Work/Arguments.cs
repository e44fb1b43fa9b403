using System.Globalization;

namespace HelpDesk.Work;

/// <summary>The command line: what the desk itself understands, and the rest for the host's configuration.</summary>
public sealed record Arguments
{
    public const string Help = """
        HelpDesk [--urls http://127.0.0.1:5080] [--ConnectionStrings:helpdesk "Server=…;Port=…;User=…;Password=…;Database=helpdesk"]

          (nothing more)             serve the pages and the API
          --traffic                  serve, and work on the desk through its own API
            --rate N                   requests a second (default 5)
            --seed S                   the same seed makes the same choices (default 1)
            --target URL               work on the desk at this address, and serve nothing
          --replay [FILE]            play the incident log into the tables and end; without FILE the copy that came along
            --speed full|N             as fast as it goes (default), or N times as fast as it happened
          --seed-tickets N           insert N tickets with replies, tags and a past, and end
            --seed S                   the same seed makes the same tickets
            --at TIME                  the past ends at this UTC time (default now)
        """;

    public bool Traffic { get; private init; }
    public double Rate { get; private init; } = 5;
    public int Seed { get; private init; } = 1;
    public Uri? Target { get; private init; }
    public bool Replay { get; private init; }
    public string ReplayFile { get; private init; } = Path.Combine(AppContext.BaseDirectory, "incidents", "incident_event_log.csv.gz");

    /// <summary>Times as fast as it happened; null is as fast as it goes.</summary>
    public double? Speed { get; private init; }
    public int SeedTickets { get; private init; }
    public DateTime? At { get; private init; }
    public string[] Host { get; private init; } = [];

    public static Arguments Parse(string[] args)
    {
        var parsed = new Arguments();
        var host = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            var name = args[i];
            string Value() => ++i < args.Length ? args[i] : throw new ArgumentException($"{name} needs a value. See --help.");
            parsed = name switch
            {
                "--traffic" => parsed with { Traffic = true },
                "--rate" => parsed with { Rate = Positive(name, Value()) },
                "--seed" => parsed with { Seed = (int)Number(name, Value()) },
                "--target" => parsed with { Target = new Uri(Value()) },
                "--replay" when i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal) => parsed with
                {
                    Replay = true,
                    ReplayFile = Value(),
                },
                "--replay" => parsed with { Replay = true },
                "--speed" => parsed with { Speed = Value() is var speed && speed == "full" ? null : Positive(name, speed) },
                "--seed-tickets" => parsed with { SeedTickets = (int)Positive(name, Value()) },
                "--at" => parsed with { At = Time(name, Value()) },
                _ => Keep(name),
            };
        }
        return parsed with { Host = [.. host] };

        Arguments Keep(string argument)
        {
            host.Add(argument);
            return parsed;
        }
    }

    static double Number(string name, string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new ArgumentException($"{name} needs a number, not '{value}'.");

    static double Positive(string name, string value) =>
        Number(name, value) is > 0 and var number ? number : throw new ArgumentException($"{name} needs a number above 0, not '{value}'.");

    static DateTime Time(string name, string value) =>
        DateTime.TryParse(
            value,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var time
        )
            ? time
            : throw new ArgumentException($"{name} needs a time such as 2026-03-02T12:00:00Z, not '{value}'.");
}
