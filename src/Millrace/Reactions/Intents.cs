namespace Millrace;

/// <summary>
/// What a reaction wants done; carried out by an executor, never inside the reaction. A record known to the topology's JSON context and named
/// with <see cref="Topology.Intent{TIntent}"/>; <see cref="Alert"/> and <see cref="Webhook"/> are known already.
/// </summary>
public interface IIntent;

/// <summary>Tell somebody. Durable name <c>alert</c>.</summary>
/// <param name="Text">What to say.</param>
public sealed record Alert(string Text) : IIntent;

/// <summary>Call an HTTP address with a JSON body. Durable name <c>webhook</c>.</summary>
/// <param name="Url">The address.</param>
/// <param name="Body">The body, JSON.</param>
public sealed record Webhook(string Url, string Body) : IIntent;

/// <summary>
/// Carries out one kind of intent. Made for each intent in a DI scope of its own. Called at least once for each intent; use <see cref="Intent{T}.Id"/>
/// as the idempotency key. Throw to be called again after a pause; an intent that keeps failing is parked.
/// </summary>
/// <typeparam name="TIntent">The intent.</typeparam>
public interface IExecutor<TIntent>
    where TIntent : IIntent
{
    /// <summary>Does it.</summary>
    /// <param name="intent">What, with its id.</param>
    /// <param name="cancellation">The host is stopping.</param>
    Task ExecuteAsync(Intent<TIntent> intent, CancellationToken cancellation);
}

/// <summary>An intent to be carried out.</summary>
/// <typeparam name="TIntent">The kind.</typeparam>
/// <param name="Id">The idempotency key: reaction, key and cause; the same however often it is tried or replayed.</param>
/// <param name="Reaction">The reaction that wants it.</param>
/// <param name="Key">The reaction's key.</param>
/// <param name="Time">When it became due.</param>
/// <param name="CorrelationId">The source transaction or request everything began with.</param>
/// <param name="Value">What is wanted.</param>
public sealed record Intent<TIntent>(string Id, string Reaction, string Key, DateTimeOffset Time, string CorrelationId, TIntent Value)
    where TIntent : IIntent;
