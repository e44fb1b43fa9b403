using Millrace.Engines;

namespace Millrace.Kafka.State;

/// <summary>Reads committed state for queries. Used by one thread at a time.</summary>
internal sealed class ImageReader(Image image) : IStateReader
{
    private byte[] _value = new byte[512];

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        var length = image.Get(key, ref _value);
        value = length < 0 ? default : _value.AsSpan(0, length);
        return length >= 0;
    }

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false)
    {
        var cursor = image.Cursor();
        cursor.Begin(from, to, descending);
        return cursor;
    }
}

/// <summary>A state that is not there.</summary>
internal sealed class NoState : IStateReader
{
    public static readonly NoState Instance = new();

    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        value = default;
        return false;
    }

    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false) => new Nothing();

    private sealed class Nothing : StateCursor
    {
        public override ReadOnlySpan<byte> Key => default;

        public override ReadOnlySpan<byte> Value => default;

        public override bool MoveNext() => false;

        public override void Dispose() { }
    }
}
