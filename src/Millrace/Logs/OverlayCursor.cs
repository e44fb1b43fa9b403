namespace Millrace.Engines;

/// <summary>Committed state and the writes of one transaction over it, merged in key order; what the transaction wrote wins.</summary>
internal sealed class OverlayCursor : StateCursor
{
    private StateOverlay _overlay = null!;
    private StateCursor? _committed;
    private bool _descending;
    private int _place;
    private int _end;
    private bool _hasCommitted;
    private bool _onOverlay;
    private bool _started;

    /// <summary>Whether it is between <see cref="Begin"/> and <see cref="Dispose"/>.</summary>
    public bool InUse => _committed is not null;

    /// <summary>Begins a walk over a range. The cursor can be used again after it was disposed.</summary>
    /// <param name="overlay">The writes; not changed while it walks.</param>
    /// <param name="committed">The same range of the committed state, in the same direction; disposed with the walk.</param>
    /// <param name="from">The first key, inclusive.</param>
    /// <param name="to">The end, exclusive; empty for no end.</param>
    /// <param name="descending">From the end backwards.</param>
    public void Begin(StateOverlay overlay, StateCursor committed, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending)
    {
        _overlay = overlay;
        _overlay.Sort();
        var low = _overlay.LowerBound(from);
        var high = to.IsEmpty ? _overlay.Count : Math.Max(low, _overlay.LowerBound(to));
        _committed = committed;
        _descending = descending;
        _place = descending ? high - 1 : low;
        _end = descending ? low - 1 : high;
        _started = false;
    }

    /// <inheritdoc />
    public override ReadOnlySpan<byte> Key => _onOverlay ? _overlay.KeyAt(_place) : _committed!.Key;

    /// <inheritdoc />
    public override ReadOnlySpan<byte> Value => _onOverlay ? _overlay.ValueAt(_place) : _committed!.Value;

    /// <inheritdoc />
    public override bool MoveNext()
    {
        ObjectDisposedException.ThrowIf(_committed is null, this);
        if (!_started)
        {
            _started = true;
            _hasCommitted = _committed.MoveNext();
        }
        else if (_onOverlay)
        {
            Step();
        }
        else if (_hasCommitted)
        {
            _hasCommitted = _committed.MoveNext();
        }
        while (true)
        {
            _onOverlay = _place != _end;
            if (!_onOverlay)
            {
                return _hasCommitted;
            }
            if (_hasCommitted)
            {
                var order = _overlay.KeyAt(_place).SequenceCompareTo(_committed.Key);
                if (order == 0)
                {
                    _hasCommitted = _committed.MoveNext();
                }
                else if (_descending ? order < 0 : order > 0)
                {
                    _onOverlay = false;
                    return true;
                }
            }
            if (!_overlay.IsDeletedAt(_place))
            {
                return true;
            }
            Step();
        }
    }

    private void Step() => _place += _descending ? -1 : 1;

    /// <inheritdoc />
    public override void Dispose()
    {
        _committed?.Dispose();
        _committed = null;
    }
}
