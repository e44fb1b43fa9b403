using System.Buffers;
using Millrace.Engines;
using Millrace.Rocks;

namespace Millrace.Embedded.State;

/// <summary>
/// Walks a range of a table's committed state a page at a time, so that it holds up no commit while its reader thinks. A processor,
/// whose table changes by its own commits alone, sees one moment; others see each page as it is when they get there.
/// </summary>
internal sealed class TableCursor(RocksStore store, StateTable table) : StateCursor
{
    private const int FirstPage = 8;
    private const int LargestPage = 256;
    private const int PageBytes = 64 << 10;

    private readonly record struct Place(int KeyAt, int KeyLength, int ValueLength);

    private readonly StoredCursor _stored = new(store, Families.State, table.Prefix);
    private readonly OverlayCursor _frozen = new();
    private readonly OverlayCursor _active = new();
    private readonly List<Place> _page = [];
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly ArrayBufferWriter<byte> _from = new();
    private readonly ArrayBufferWriter<byte> _to = new();
    private int _pageSize;
    private int _place;
    private bool _descending;
    private bool _last;

    /// <summary>Whether it is being walked.</summary>
    public bool InUse { get; private set; }

    /// <summary>Whether it is walked once only.</summary>
    public bool ReleaseWhenDisposed { get; init; }

    public override ReadOnlySpan<byte> Key => _bytes.WrittenSpan.Slice(_page[_place].KeyAt, _page[_place].KeyLength);

    public override ReadOnlySpan<byte> Value =>
        _bytes.WrittenSpan.Slice(_page[_place].KeyAt + _page[_place].KeyLength, _page[_place].ValueLength);

    public void Begin(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending)
    {
        Set(_from, from);
        Set(_to, to);
        _descending = descending;
        _page.Clear();
        _place = -1;
        _pageSize = FirstPage;
        _last = false;
        InUse = true;
    }

    public override bool MoveNext()
    {
        if (++_place < _page.Count)
        {
            return true;
        }
        if (_last)
        {
            return false;
        }
        Fill();
        _place = 0;
        return _page.Count > 0;
    }

    private void Fill()
    {
        if (_page.Count > 0)
        {
            // Goes on behind the last key seen: after it upwards, below it downwards.
            var (at, length, _) = _page[^1];
            var seen = _bytes.WrittenSpan.Slice(at, length);
            Set(_descending ? _to : _from, seen);
            if (!_descending)
            {
                _from.Write((ReadOnlySpan<byte>)[0]);
            }
        }
        _page.Clear();
        _bytes.ResetWrittenCount();
        var from = _from.WrittenSpan;
        var to = _to.WrittenSpan;
        if (_descending && _pageSize > FirstPage && to.IsEmpty)
        {
            // The last key seen was the empty one: nothing is below it.
            _last = true;
            return;
        }
        lock (table.Gate)
        {
            // Each page is a view of its own of the store, so what a checkpoint put there or dropped meanwhile is no matter.
            _stored.Begin(from, to, _descending);
            _frozen.Begin(table.Frozen, _stored, from, to, _descending);
            _active.Begin(table.Active, _frozen, from, to, _descending);
            try
            {
                while (true)
                {
                    if (!_active.MoveNext())
                    {
                        _last = true;
                        break;
                    }
                    var at = _bytes.WrittenCount;
                    _bytes.Write(_active.Key);
                    _bytes.Write(_active.Value);
                    _page.Add(new Place(at, _active.Key.Length, _active.Value.Length));
                    if (_page.Count == _pageSize || _bytes.WrittenCount > PageBytes)
                    {
                        break;
                    }
                }
            }
            finally
            {
                _active.Dispose();
            }
        }
        _pageSize = Math.Min(LargestPage, _pageSize * 4);
    }

    /// <summary>Lets the view of the store go, which keeps old files on the disk.</summary>
    public void Release() => _stored.Release();

    public override void Dispose()
    {
        _last = true;
        _page.Clear();
        InUse = false;
        if (ReleaseWhenDisposed)
        {
            _stored.Release();
        }
    }

    private static void Set(ArrayBufferWriter<byte> writer, ReadOnlySpan<byte> bytes)
    {
        writer.ResetWrittenCount();
        writer.Write(bytes);
    }
}
