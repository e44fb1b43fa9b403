using System.Diagnostics;

namespace Millrace.Parcels;

/// <summary>Waits for something that another thread brings about.</summary>
public static class Eventually
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static async Task<T> Get<T>(Func<Task<T>> look, Func<T, bool> wanted)
    {
        var started = Stopwatch.GetTimestamp();
        using var turns = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            var found = await look();
            if (wanted(found))
            {
                return found;
            }
            if (Stopwatch.GetElapsedTime(started) > Deadline)
            {
                throw new TimeoutException($"After {Deadline} it is still: {found}");
            }
            await turns.WaitForNextTickAsync();
        }
    }

    public static Task<T> Get<T>(Func<T> look, Func<T, bool> wanted) => Get(() => Task.FromResult(look()), wanted);
}
