using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Embedded;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace;

/// <summary>Adds the embedded engine to an application.</summary>
public static class EmbeddedMillraceBuilderExtensions
{
    /// <summary>The configuration section of <see cref="EmbeddedOptions"/>: <c>Folder</c>, <c>SyncEvery</c> and so on.</summary>
    public const string Section = "Millrace:Embedded";

    /// <summary>
    /// Keeps logs and state in a folder of this process, on RocksDB. The folder is <c>Millrace:Embedded:Folder</c>, or else
    /// <c>millrace-data/</c> and the topology's name, below the working directory.
    /// </summary>
    /// <param name="builder">The application.</param>
    /// <param name="folder">The folder where the configuration names none.</param>
    public static MillraceBuilder UseEmbedded(this MillraceBuilder builder, string? folder = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IEngine>(_ => EmbeddedEngine.Open(Options()));
        builder.Services.AddSingleton(new RecordedData(() => EmbeddedReader.Open(Options()), static () => new RocksScratch()));
        return builder;

        EmbeddedOptions Options()
        {
            var options = new EmbeddedOptions { Folder = folder ?? Path.Combine("millrace-data", builder.Topology.Name) };
            builder.Configuration.GetSection(Section).Bind(options);
            return options;
        }
    }
}
