namespace Millrace.Engines;

/// <summary>What the runtime does with any engine.</summary>
internal static class EngineExtensions
{
    private const int Tries = 20;

    /// <summary>
    /// Reads an appender's state, and writes what follows from it. Where another process of the application did so at the same moment, its write stands and
    /// this one looks again.
    /// </summary>
    /// <param name="engine">The engine.</param>
    /// <param name="appender">The appender's name.</param>
    /// <param name="decide">Writes to the transaction, or not. It may be called several times.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What it decided at last.</returns>
    public static async Task<T> DecideAsync<T>(
        this IEngine engine,
        string appender,
        Func<ITransaction, (bool Wrote, T Result)> decide,
        CancellationToken cancellation
    )
    {
        await using var writer = engine.OpenAppender(appender);
        for (var tried = 1; ; tried++)
        {
            try
            {
                var transaction = writer.Begin();
                var (wrote, result) = decide(transaction);
                if (wrote)
                {
                    await writer.CommitAsync(transaction, durable: true, cancellation).ConfigureAwait(false);
                }
                return result;
            }
            catch (EngineException) when (engine.IsShared && tried < Tries)
            {
                // Two that took the state from each other must not go on doing so in step.
                await Task.Delay(Random.Shared.Next(20, 100 * tried), cancellation).ConfigureAwait(false);
            }
        }
    }
}
