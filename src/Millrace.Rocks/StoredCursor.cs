using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Rocks;

/// <summary>Walks a range of what the store has under one prefix, which its keys are given without.</summary>
/// <param name="store">The store.</param>
/// <param name="family">The family.</param>
/// <param name="prefix">The prefix; not all 0xFF.</param>
internal sealed class StoredCursor(RocksStore store, Family family, byte[] prefix) : StateCursor
{
    private RocksIterator? _iterator;
    private byte[] _from = new byte[64];
    private byte[] _to = new byte[64];
    private int _fromLength;
    private int _toLength;
    private bool _descending;
    private bool _started;
    private bool _ended;

    public override ReadOnlySpan<byte> Key => _iterator!.Key[prefix.Length..];

    public override ReadOnlySpan<byte> Value => _iterator!.Value;

    /// <summary>Begins a walk over the store as it is when the first key is asked for.</summary>
    public void Begin(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending)
    {
        _fromLength = Set(ref _from, from);
        _toLength = Set(ref _to, to);
        if (to.IsEmpty)
        {
            // The first key behind the table's own.
            for (var i = prefix.Length - 1; ++_to[i] == 0; i--) { }
        }
        _descending = descending;
        _started = false;
        _ended = false;
    }

    public override bool MoveNext()
    {
        if (_ended)
        {
            return false;
        }
        bool found;
        if (_started)
        {
            found = _descending ? _iterator!.Previous() : _iterator!.Next();
        }
        else
        {
            _started = true;
            _iterator?.Dispose();
            _iterator = store.Iterate(family, _from.AsSpan(0, _fromLength), _to.AsSpan(0, _toLength));
            found = _descending ? Last() : _iterator.Seek(_from.AsSpan(0, _fromLength));
        }
        _ended =
            !found
            || (
                _descending
                    ? _iterator.Key.SequenceCompareTo(_from.AsSpan(0, _fromLength)) < 0
                    : _iterator.Key.SequenceCompareTo(_to.AsSpan(0, _toLength)) >= 0
            );
        return !_ended;
    }

    private bool Last()
    {
        var to = _to.AsSpan(0, _toLength);
        var found = _iterator!.SeekForPrevious(to);
        return found && _iterator.Key.SequenceEqual(to) ? _iterator.Previous() : found;
    }

    /// <summary>Lets the view of the store go.</summary>
    public void Release()
    {
        _iterator?.Dispose();
        _iterator = null;
    }

    public override void Dispose()
    {
        _ended = true;
        Release();
    }

    private int Set(ref byte[] bytes, ReadOnlySpan<byte> key)
    {
        var length = prefix.Length + key.Length;
        if (bytes.Length < length)
        {
            bytes = new byte[length * 2];
        }
        prefix.CopyTo(bytes, 0);
        key.CopyTo(bytes.AsSpan(prefix.Length));
        return length;
    }
}
