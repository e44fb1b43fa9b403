using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Millrace;

/// <summary>Runs an application, or a verb that needs its code.</summary>
public static class MillraceHostExtensions
{
    /// <summary>
    /// Serves until the host is stopped; or, where the first argument is a verb, carries it out: <c>topology</c>, <c>schema export [FOLDER]</c>,
    /// <c>schema check [FOLDER]</c>, <c>help</c>. Use its result as the process's exit code.
    /// </summary>
    /// <param name="host">The host, built with <c>AddMillrace</c>.</param>
    /// <param name="args">The command line.</param>
    /// <returns>0: served and stopped, or the verb succeeded. 1: it could not start, failed later, or the verb failed. 2: an unknown verb.</returns>
    public static async Task<int> RunMillraceAsync(this IHost host, string[] args)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(args);
        try
        {
            if (args is [var verb, ..] && Verbs.IsVerb(verb))
            {
                return await Verbs.RunAsync(host.Services, args, Console.Out, Console.Error);
            }
            return await ServeAsync(host);
        }
        finally
        {
            await DisposeAsync(host);
        }
    }

    private static async Task<int> ServeAsync(IHost host)
    {
        try
        {
            // Before the host starts anything, so that what stands in the way is all that is said.
            await host.Services.GetRequiredService<Startup>().PrepareAsync(CancellationToken.None);
        }
        catch (MillraceStartException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
        try
        {
            await host.StartAsync();
        }
        catch (MillraceStartException)
        {
            // The host has logged it.
            return 1;
        }
        await host.WaitForShutdownAsync();
        return host.Services.GetRequiredService<MillraceService>().Failed ? 1 : 0;
    }

    private static async ValueTask DisposeAsync(IHost host)
    {
        if (host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
        else
        {
            host.Dispose();
        }
    }
}
