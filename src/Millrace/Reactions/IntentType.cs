using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Millrace;

/// <summary>A kind of intent with its durable name.</summary>
internal abstract class IntentType(string name)
{
    public string Name => name;
    public abstract Type Type { get; }

    /// <summary>What carries it out, as services know it.</summary>
    public abstract Type ExecutorType { get; }

    public abstract BoundIntent Bind(Topology topology);
}

internal sealed class IntentType<TIntent>(string name) : IntentType(name)
    where TIntent : class, IIntent
{
    public override Type Type => typeof(TIntent);
    public override Type ExecutorType => typeof(IExecutor<TIntent>);

    public override BoundIntent Bind(Topology topology) => new BoundIntent<TIntent>(this, topology.JsonType<TIntent>());
}

/// <summary>A kind of intent with its JSON: written by reactions, carried out by executors.</summary>
internal abstract class BoundIntent(string name)
{
    public string Name => name;
    public byte[] Utf8Name { get; } = System.Text.Encoding.UTF8.GetBytes(name);

    public abstract void Write(IIntent intent, Utf8JsonWriter writer);

    /// <summary>Carries one out.</summary>
    /// <exception cref="NoExecutorException">Nothing that could is registered.</exception>
    public abstract Task ExecuteAsync(IServiceProvider scope, IntentRecord intent, CancellationToken cancellation);
}

internal sealed class BoundIntent<TIntent>(IntentType<TIntent> kind, JsonTypeInfo<TIntent> json) : BoundIntent(kind.Name)
    where TIntent : class, IIntent
{
    public override void Write(IIntent intent, Utf8JsonWriter writer) => JsonSerializer.Serialize(writer, (TIntent)intent, json);

    public override Task ExecuteAsync(IServiceProvider scope, IntentRecord intent, CancellationToken cancellation)
    {
        var executor =
            scope.GetService<IExecutor<TIntent>>()
            ?? throw new NoExecutorException(
                $"Nothing carries out the intent \"{kind.Name}\": register an IExecutor<{typeof(TIntent).Name}> with AddExecutor, then retry it."
            );
        var value = JsonSerializer.Deserialize(intent.Value.Span, json)!;
        return executor.ExecuteAsync(
            new Intent<TIntent>(intent.Id, intent.Reaction, intent.Key, Instants.Of(intent.Time), intent.CorrelationId, value),
            cancellation
        );
    }
}

/// <summary>An intent as the log has it.</summary>
internal sealed record IntentRecord(
    string Id,
    string Type,
    string Reaction,
    string Key,
    long Time,
    string CorrelationId,
    ReadOnlyMemory<byte> Value
);

/// <summary>An intent has nobody to carry it out. It is parked at once, since trying again changes nothing.</summary>
internal sealed class NoExecutorException(string message) : Exception(message);
