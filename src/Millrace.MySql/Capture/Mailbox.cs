using System.Threading.Channels;

namespace Millrace.MySql.Capture;

/// <summary>Work for the capture loop from elsewhere; done between two transactions of the stream.</summary>
internal sealed class Mailbox
{
    readonly Channel<Func<ValueTask>> _work = Channel.CreateUnbounded<Func<ValueTask>>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Lets the loop do something, and waits until it has.</summary>
    public async Task<T> Ask<T>(Func<ValueTask<T>> work, CancellationToken ct)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Writer.TryWrite(async () =>
        {
            try
            {
                done.TrySetResult(await work());
            }
            catch (Exception e)
            {
                done.TrySetException(e);
                throw;
            }
        });
        return await done.Task.WaitAsync(ct);
    }

    public void Post(Action work) =>
        _work.Writer.TryWrite(() =>
        {
            work();
            return default;
        });

    public bool TryTake(out Func<ValueTask>? work) => _work.Reader.TryRead(out work);

    public bool IsEmpty => !_work.Reader.TryPeek(out _);

    public Task Arrival(CancellationToken ct) => _work.Reader.WaitToReadAsync(ct).AsTask();
}
