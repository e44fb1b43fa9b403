namespace Millrace.Kafka.Clients;

/// <summary>
/// Questions to the broker hold their thread until they are answered, or seconds where it is away. On the pool's threads, of which there are as many as
/// processors, a few of them would hold up everything else in the process.
/// </summary>
internal static class Blocking
{
    private const int Threads = 64;

    /// <summary>
    /// Lets the pool grow at once where pages, readers and queries wait for a broker that is away: on a machine of two processors it would otherwise add
    /// about one thread a second, and what could go on waits with them. Threads that nobody needs are never made.
    /// </summary>
    public static void MakeRoom()
    {
        ThreadPool.GetMinThreads(out var workers, out var ports);
        if (workers < Threads)
        {
            ThreadPool.SetMinThreads(Threads, ports);
        }
    }

    /// <summary>Runs it on a thread of its own.</summary>
    public static Task<T> Run<T>(Func<T> ask, CancellationToken cancellation) =>
        Task.Factory.StartNew(ask, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Runs it on a thread of its own.</summary>
    public static Task Run(Action ask, CancellationToken cancellation) =>
        Task.Factory.StartNew(ask, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
