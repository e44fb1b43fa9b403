using System.Diagnostics;

namespace Millrace.Harness;

/// <summary>How bench/peers/StreamsTickets.java is started: on the jars of the broker's own distribution, compiled on the way.</summary>
internal static class StreamsPeer
{
    public static ProcessStartInfo Load(KafkaServer broker, string topic, int commands, int entities) =>
        Java(broker, ["load", broker.Bootstrap, topic, $"{commands}", $"{entities}"]);

    public static ProcessStartInfo Run(
        KafkaServer broker,
        string commands,
        string events,
        string application,
        string folder,
        int threads,
        int commit
    ) => Java(broker, ["run", broker.Bootstrap, commands, events, application, folder, $"{threads}", $"{commit}"]);

    private static ProcessStartInfo Java(KafkaServer broker, string[] arguments)
    {
        var home = Environment.GetEnvironmentVariable("JAVA_HOME");
        return new ProcessStartInfo(
            string.IsNullOrEmpty(home) ? "java" : Path.Combine(home, "bin", "java"),
            [
                "-Xmx1g",
                "-cp",
                Path.Combine(broker.Home, "libs", "*"),
                Path.Combine(KafkaServer.Repository, "bench", "peers", "StreamsTickets.java"),
                .. arguments,
            ]
        )
        {
            RedirectStandardInput = true,
        };
    }
}
