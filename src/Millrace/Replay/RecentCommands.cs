using System.IO.Hashing;
using Millrace.Engines;

namespace Millrace;

/// <summary>Where a command stands among those of this batch and the one before; looked up only where the two sides are out of step.</summary>
internal sealed class RecentCommands
{
    private readonly Dictionary<ulong, int> _places = [];
    private ulong[] _before = [];
    private ulong[] _now = [];
    private int _countBefore;
    private int _count;
    private bool _indexed;

    /// <summary>The next batch.</summary>
    public void Take(ReadOnlySpan<Record> records)
    {
        (_before, _now) = (_now, _before);
        _countBefore = _count;
        if (_now.Length < records.Length)
        {
            _now = new ulong[records.Length];
        }
        _count = records.Length;
        for (var i = 0; i < records.Length; i++)
        {
            _now[i] = XxHash3.HashToUInt64(new RecordHeaders(records[i].Headers.Span)[Header.Id]);
        }
        _indexed = false;
    }

    public int PlaceOf(ReadOnlySpan<byte> command)
    {
        if (!_indexed)
        {
            _places.Clear();
            for (var i = 0; i < _countBefore; i++)
            {
                _places[_before[i]] = i - _countBefore;
            }
            for (var i = 0; i < _count; i++)
            {
                _places[_now[i]] = i;
            }
            _indexed = true;
        }
        return _places.GetValueOrDefault(XxHash3.HashToUInt64(command), LogComparison.Unknown);
    }
}
