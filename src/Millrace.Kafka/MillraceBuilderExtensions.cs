using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Millrace.Engines;
using Millrace.Kafka;
using Millrace.Rocks;

namespace Millrace;

/// <summary>Adds the Kafka engine to an application.</summary>
public static class KafkaMillraceBuilderExtensions
{
    /// <summary>The configuration section of <see cref="KafkaOptions"/>: <c>BootstrapServers</c>, <c>Folder</c>, <c>Client:security.protocol</c> and so on.</summary>
    public const string Section = "Millrace:Kafka";

    /// <summary>
    /// Keeps logs on Kafka, and copies of state in a folder of this process. Further processes with the same topology share the work.
    /// </summary>
    /// <param name="builder">The application.</param>
    /// <param name="bootstrapServers">The brokers where the configuration names none.</param>
    public static MillraceBuilder UseKafka(this MillraceBuilder builder, string? bootstrapServers = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IEngine>(services =>
            KafkaEngine.Open(Options(), services.GetService<ILoggerFactory>()?.CreateLogger("Millrace.Kafka"))
        );
        builder.Services.AddSingleton(new RecordedData(() => KafkaReader.Open(Options()), static () => new RocksScratch()));
        return builder;

        KafkaOptions Options()
        {
            var options = new KafkaOptions
            {
                BootstrapServers = bootstrapServers ?? "",
                Folder = Path.Combine("millrace-data", $"{builder.Topology.Name}-kafka"),
            };
            builder.Configuration.GetSection(Section).Bind(options);
            return options;
        }
    }
}
