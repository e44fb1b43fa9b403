using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Millrace;

/// <summary>What was asked of a replay on the command line.</summary>
internal sealed class ReplayOptions
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    private ReplayOptions() { }

    /// <summary>What stands on the command line without a dash.</summary>
    public List<string> Words { get; } = [];

    /// <summary>Reads the command line. What configures the host (<c>--Millrace:Embedded:Folder=…</c>) is put into its configuration.</summary>
    /// <param name="args">What follows the verb.</param>
    /// <param name="flags">The options without a value.</param>
    /// <param name="valued">The options with one.</param>
    /// <param name="configuration">The host's configuration.</param>
    /// <exception cref="ReplayException">There is no such option, or its value is missing.</exception>
    public static ReplayOptions Parse(ReadOnlySpan<string> args, string[] flags, string[] valued, IConfiguration configuration)
    {
        var options = new ReplayOptions();
        for (var i = 0; i < args.Length; i++)
        {
            var argument = args[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal))
            {
                options.Words.Add(argument);
                continue;
            }
            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? argument[2..] : argument[2..equals];
            if (flags.Contains(name) && equals < 0)
            {
                options._values[name] = [""];
            }
            else if (valued.Contains(name))
            {
                var value =
                    equals >= 0 ? argument[(equals + 1)..]
                    : ++i < args.Length ? args[i]
                    : throw new ReplayException($"--{name} has no value.");
                (options._values.TryGetValue(name, out var values) ? values : options._values[name] = []).Add(value);
            }
            else if (name.Contains(':', StringComparison.Ordinal) && (equals >= 0 || ++i < args.Length))
            {
                // The host has read it too, but takes what follows an option without a value for its value.
                configuration[name] = equals >= 0 ? argument[(equals + 1)..] : args[i];
            }
            else
            {
                throw new ReplayException(
                    $"There is no option --{name}: there is {string.Join(", ", flags.Concat(valued).Order(StringComparer.Ordinal).Select(known => $"--{known}"))}, and the host's own (--Millrace:Embedded:Folder=FOLDER)."
                );
            }
        }
        return options;
    }

    public bool Has(string name) => _values.ContainsKey(name);

    public string? Text(string name) => _values.TryGetValue(name, out var values) ? values[^1] : null;

    public IReadOnlyList<string> All(string name) => _values.TryGetValue(name, out var values) ? values : [];

    public int Number(string name, int otherwise) =>
        Text(name) is not { } text ? otherwise
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new ReplayException($"--{name} is \"{text}\": it must be a number.");

    public long Time(string name, long otherwise) =>
        Text(name) is not { } text ? otherwise
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? Instants.Of(time)
        : throw new ReplayException($"--{name} is \"{text}\": it must be a time, for example 2026-03-01T08:00:00Z.");
}
