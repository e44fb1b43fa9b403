using Millrace.Engines;

namespace Millrace.Testing;

/// <summary>The committed state of one partition of a group, or of an appender, in key order.</summary>
internal sealed class MemoryState
{
    private const int Page = 64;

    private static readonly Comparer<KeyValuePair<byte[], byte[]>> ByKey = Comparer<KeyValuePair<byte[], byte[]>>.Create(
        static (x, y) => x.Key.AsSpan().SequenceCompareTo(y.Key)
    );

    private readonly Lock _gate = new();
    private readonly SortedSet<KeyValuePair<byte[], byte[]>> _entries = new(ByKey);

    public byte[]? Get(ReadOnlySpan<byte> key)
    {
        lock (_gate)
        {
            return _entries.TryGetValue(new(key.ToArray(), []), out var entry) ? entry.Value : null;
        }
    }

    public void Apply(IEnumerable<KeyValuePair<byte[], byte[]?>> writes)
    {
        lock (_gate)
        {
            foreach (var (key, value) in writes)
            {
                _entries.Remove(new(key, []));
                if (value is not null)
                {
                    _entries.Add(new(key, value));
                }
            }
        }
    }

    /// <summary>
    /// Walks a range a page at a time, so that a slow reader holds up no commit. It sees what is committed when it gets there.
    /// </summary>
    public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending) =>
        new Cursor(this, from.ToArray(), to.IsEmpty ? null : to.ToArray(), descending);

    private sealed class Cursor(MemoryState state, byte[] from, byte[]? to, bool descending) : StateCursor
    {
        private readonly List<KeyValuePair<byte[], byte[]>> _page = [];
        private int _at = -1;
        private bool _last;

        public override ReadOnlySpan<byte> Key => _page[_at].Key;

        public override ReadOnlySpan<byte> Value => _page[_at].Value;

        public override bool MoveNext()
        {
            if (++_at < _page.Count)
            {
                return true;
            }
            if (_last)
            {
                return false;
            }
            Fill();
            _at = 0;
            return _page.Count > 0;
        }

        private void Fill()
        {
            var previous = _page.Count > 0 ? _page[^1].Key : null;
            _page.Clear();
            var low = descending || previous is null ? from : [.. previous, 0];
            var high = descending && previous is not null ? previous : to;
            lock (state._gate)
            {
                if (state._entries.Count == 0 || (high is not null && low.AsSpan().SequenceCompareTo(high) >= 0))
                {
                    _last = true;
                    return;
                }
                var highest = high ?? state._entries.Max.Key;
                if (low.AsSpan().SequenceCompareTo(highest) <= 0)
                {
                    var view = state._entries.GetViewBetween(new(low, []), new(highest, []));
                    foreach (var entry in descending ? view.Reverse() : view)
                    {
                        // The view includes its upper end; the range does not.
                        if (high is not null && entry.Key.AsSpan().SequenceEqual(high))
                        {
                            continue;
                        }
                        _page.Add(entry);
                        if (_page.Count == Page)
                        {
                            return;
                        }
                    }
                }
                _last = true;
            }
        }

        public override void Dispose() => _last = true;
    }
}
