using Microsoft.Extensions.DependencyInjection;
using Millrace.Engines;
using Millrace.Sources;
using Millrace.Testing;

namespace Millrace;

/// <summary>Runs a whole host in a test, without files and without a server.</summary>
public static class TestingBuilderExtensions
{
    /// <summary>Keeps logs and state in memory; they end with the host.</summary>
    /// <param name="builder">The application.</param>
    public static MillraceBuilder UseInMemoryEngine(this MillraceBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IEngine>(services => new InMemoryEngine(services.GetService<TimeProvider>()));
        return builder;
    }

    /// <summary>Takes changes from a test: write them to the <see cref="FakeSource"/> that the host's services have.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="name">The source's durable name.</param>
    public static MillraceBuilder UseFakeSource(this MillraceBuilder builder, string name = "monolith")
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        builder.Services.AddSingleton(services => new FakeSource(services, name));
        builder.Services.AddSingleton<ISource>(services => services.GetRequiredService<FakeSource>());
        return builder;
    }
}
