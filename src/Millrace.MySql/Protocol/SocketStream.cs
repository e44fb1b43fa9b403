using System.Net.Sockets;

namespace Millrace.MySql.Protocol;

/// <summary>
/// A socket's bytes, with a deadline since the last of them while somebody waits. It stands below TLS, so that any byte counts, and the
/// time in which nobody reads does not.
/// </summary>
internal sealed class SocketStream(Socket socket) : Stream
{
    readonly NetworkStream _inner = new(socket, ownsSocket: true);
    Timer? _watch;
    TimeSpan _deadline;
    long _waitingSince;
    volatile bool _silent;

    /// <summary>From now on a read that gets no byte for so long ends in <see cref="ConnectionSilentException"/>.</summary>
    public void LimitSilence(TimeSpan deadline)
    {
        _deadline = deadline;
        var tick = TimeSpan.FromMilliseconds(Math.Max(10, deadline.TotalMilliseconds / 4));
        _watch = new Timer(static self => ((SocketStream)self!).Look(), this, tick, tick);
    }

    void Look()
    {
        var since = Volatile.Read(ref _waitingSince);
        if (since == 0 || Environment.TickCount64 - since < _deadline.TotalMilliseconds)
            return;
        _silent = true;
        socket.Dispose();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = _inner.ReadAsync(buffer, cancellationToken);
        return read.IsCompletedSuccessfully ? read : Wait(read);
    }

    async ValueTask<int> Wait(ValueTask<int> read)
    {
        Volatile.Write(ref _waitingSince, Environment.TickCount64);
        try
        {
            return await read;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            throw _silent
                ? new ConnectionSilentException(
                    $"no byte came from the server for {_deadline.TotalSeconds:0.#} s, not even a heartbeat: it, or the network, has stopped",
                    e
                )
                : new ConnectionLostException($"the connection broke: {e.Message}", e);
        }
        finally
        {
            Volatile.Write(ref _waitingSince, 0);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await _inner.WriteAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            throw new ConnectionLostException($"the connection broke: {e.Message}", e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() { }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("only asynchronous reads");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("only asynchronous writes");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _watch?.Dispose();
            _inner.Dispose();
        }
        base.Dispose(disposing);
    }
}
