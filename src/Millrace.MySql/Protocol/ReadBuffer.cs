using System.Buffers;
using System.Runtime.CompilerServices;

namespace Millrace.MySql.Protocol;

/// <summary>
/// A pooled buffer before a stream. What is unread lies in one piece, so that events are parsed where they were received; it grows to the
/// largest piece asked for and returns to its first size afterwards.
/// </summary>
internal sealed class ReadBuffer(Stream stream, int size = 256 * 1024) : IDisposable
{
    byte[] _array = ArrayPool<byte>.Shared.Rent(size);
    int _start;
    int _end;

    /// <summary>How many bytes are here and not yet taken.</summary>
    public int Available => _end - _start;

    /// <summary>The bytes here; valid until the next call of anything but a property.</summary>
    public Span<byte> Span => _array.AsSpan(_start, _end - _start);

    public ReadOnlyMemory<byte> Memory(int offset, int length) => _array.AsMemory(_start + offset, length);

    public void Take(int count)
    {
        _start += count;
        if (_start == _end)
            _start = _end = 0;
    }

    /// <summary>Waits until at least <paramref name="count"/> bytes are here; false when the stream ended before.</summary>
    public ValueTask<bool> Ensure(int count, CancellationToken ct) => Available >= count ? new ValueTask<bool>(true) : Fill(count, ct);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<bool> Fill(int count, CancellationToken ct)
    {
        if (count > _array.Length - _start)
            Move(count);
        while (Available < count)
        {
            var read = await stream.ReadAsync(_array.AsMemory(_end), ct);
            if (read == 0)
                return false;
            _end += read;
        }
        return true;
    }

    void Move(int count)
    {
        // A large event leaves a large array behind; the next small one gives it back.
        var wanted = Math.Max(count, size);
        if (count > _array.Length || (_array.Length > 4 * size && wanted == size && Available <= size))
        {
            var other = ArrayPool<byte>.Shared.Rent(wanted);
            Span.CopyTo(other);
            ArrayPool<byte>.Shared.Return(_array);
            _array = other;
        }
        else
        {
            Span.CopyTo(_array);
        }
        _end = Available;
        _start = 0;
    }

    public void Dispose()
    {
        if (_array.Length == 0)
            return;
        ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        _start = _end = 0;
    }
}
