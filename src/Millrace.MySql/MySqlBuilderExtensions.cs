using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.MySql;
using Millrace.Sources;

namespace Millrace;

/// <summary>Captures a MySQL or MariaDB database.</summary>
public static class MySqlBuilderExtensions
{
    /// <summary>Adds a database as a source. Its server must write a binlog of rows.</summary>
    /// <param name="builder">The application's builder.</param>
    /// <param name="name">The source's durable name, under which its position is kept, and the name of its connection string.</param>
    /// <param name="configure">Sets what the configuration does not.</param>
    /// <exception cref="InvalidOperationException">There is no connection string of that name, or it names no database (at the start).</exception>
    public static MillraceBuilder UseMySql(this MillraceBuilder builder, string name, Action<MySqlSourceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var configuration = builder.Configuration;
        builder.Services.AddSingleton<ISource>(services =>
        {
            var section = configuration.GetSection($"Millrace:MySql:{name}");
            var options = new MySqlSourceOptions { ConnectionString = configuration.GetConnectionString(name) ?? "" };
            if (section["ReplicaId"] is { } id)
                options.ReplicaId = uint.Parse(id);
            if (section["Heartbeat"] is { } heartbeat)
                options.Heartbeat = TimeSpan.Parse(heartbeat);
            if (section["ChunkRows"] is { } rows)
                options.ChunkRows = int.Parse(rows);
            options.MaskSecret = section["MaskSecret"];
            foreach (var column in section.GetSection("Exclude").GetChildren())
                options.Exclude(column.Value ?? "");
            foreach (var column in section.GetSection("Mask").GetChildren())
                options.Mask(column.Value ?? "");
            configure?.Invoke(options);
            var log = services.GetService<ILoggerFactory>()?.CreateLogger("Millrace.MySql") ?? NullLogger.Instance;
            return new MySqlSource(name, options, services.GetService<TimeProvider>() ?? TimeProvider.System, log);
        });
        return builder;
    }
}
