using System.Globalization;
using System.Text;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>Who numbers MySQL's transactions: a server's uuid and, since 8.3, a tag ("" for none).</summary>
internal readonly record struct GtidSource(Guid Uuid, string Tag) : IComparable<GtidSource>
{
    public int CompareTo(GtidSource other)
    {
        // As text, which is the order of the bytes on the wire.
        var byUuid = string.CompareOrdinal(Uuid.ToString(), other.Uuid.ToString());
        return byUuid != 0 ? byUuid : string.CompareOrdinal(Tag, other.Tag);
    }

    public override string ToString() => Tag.Length == 0 ? Uuid.ToString() : $"{Uuid}:{Tag}";
}

/// <summary>One transaction of MySQL.</summary>
internal readonly record struct Gtid(GtidSource Source, ulong Number)
{
    public override string ToString() => $"{Source}:{Number}";
}

/// <summary>A set of MySQL's transactions, as in gtid_executed: "uuid:1-5:7:tag:1-3,uuid2:1".</summary>
internal sealed class GtidSet
{
    const byte TaggedFormat = 1;

    readonly SortedDictionary<GtidSource, List<Interval>> _sources = [];

    /// <summary>First and last, both within.</summary>
    readonly record struct Interval(ulong First, ulong Last);

    public bool IsEmpty => _sources.Count == 0;

    public static GtidSet Parse(string text)
    {
        var set = new GtidSet();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var pieces = part.Split(':', StringSplitOptions.TrimEntries);
            if (!Guid.TryParse(pieces[0], out var uuid) || pieces.Length < 2)
                throw Malformed(text);
            var source = new GtidSource(uuid, "");
            foreach (var piece in pieces.AsSpan(1))
            {
                if (piece.Length == 0)
                    throw Malformed(text);
                if (!char.IsAsciiDigit(piece[0]))
                {
                    source = new GtidSource(uuid, piece.ToLowerInvariant());
                    continue;
                }
                var dash = piece.IndexOf('-');
                if (
                    !TryNumber(dash < 0 ? piece : piece.AsSpan(0, dash), out var first)
                    || !TryNumber(piece.AsSpan(dash + 1), out var last)
                    || first > last
                )
                    throw Malformed(text);
                set.Add(source, new Interval(first, last));
            }
        }
        return set;
    }

    static bool TryNumber(ReadOnlySpan<char> text, out ulong number) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 0;

    static FormatException Malformed(string text) => new($"'{text}' is no GTID set; it looks like uuid:1-5:7,uuid2:1");

    public void Add(Gtid gtid) => Add(gtid.Source, new Interval(gtid.Number, gtid.Number));

    public void Add(GtidSet other)
    {
        foreach (var (source, intervals) in other._sources)
        {
            foreach (var interval in intervals)
                Add(source, interval);
        }
    }

    void Add(GtidSource source, Interval added)
    {
        if (!_sources.TryGetValue(source, out var intervals))
            _sources.Add(source, intervals = []);
        // Nearly always the next number of the last interval.
        if (intervals.Count > 0 && intervals[^1].First <= added.First)
        {
            var last = intervals[^1];
            if (added.First <= last.Last + 1)
                intervals[^1] = last with { Last = Math.Max(last.Last, added.Last) };
            else
                intervals.Add(added);
            return;
        }
        var at = intervals.FindIndex(i => i.Last + 1 >= added.First);
        if (at < 0)
        {
            intervals.Add(added);
            return;
        }
        var end = at;
        while (end < intervals.Count && intervals[end].First <= added.Last + 1)
        {
            added = new Interval(Math.Min(added.First, intervals[end].First), Math.Max(added.Last, intervals[end].Last));
            end++;
        }
        intervals.RemoveRange(at, end - at);
        intervals.Insert(at, added);
    }

    public bool Contains(Gtid gtid) => Contains(gtid.Source, new Interval(gtid.Number, gtid.Number));

    public bool Contains(GtidSet other) => other._sources.All(s => s.Value.TrueForAll(i => Contains(s.Key, i)));

    bool Contains(GtidSource source, Interval wanted)
    {
        if (!_sources.TryGetValue(source, out var intervals))
            return false;
        var (low, high) = (0, intervals.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (intervals[middle].Last < wanted.First)
                low = middle + 1;
            else if (intervals[middle].First > wanted.First)
                high = middle - 1;
            else
                return wanted.Last <= intervals[middle].Last;
        }
        return false;
    }

    public GtidSet Copy()
    {
        var copy = new GtidSet();
        copy.Add(this);
        return copy;
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        var uuid = Guid.Empty;
        foreach (var (source, intervals) in _sources)
        {
            if (text.Length == 0 || source.Uuid != uuid)
                text.Append(text.Length > 0 ? "," : "").Append(source.Uuid);
            uuid = source.Uuid;
            if (source.Tag.Length > 0)
                text.Append(':').Append(source.Tag);
            foreach (var (first, last) in intervals)
            {
                text.Append(':').Append(first);
                if (last != first)
                    text.Append('-').Append(last);
            }
        }
        return text.ToString();
    }

    /// <summary>The form of COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS; the tagged one only where there is a tag, for older servers.</summary>
    public void Write(PayloadWriter writer)
    {
        var tagged = _sources.Keys.Any(s => s.Tag.Length > 0);
        var count = (ulong)_sources.Count;
        writer.U64(tagged ? (ulong)TaggedFormat << 56 | count << 8 | TaggedFormat : count);
        Span<byte> uuid = stackalloc byte[16];
        foreach (var (source, intervals) in _sources)
        {
            source.Uuid.TryWriteBytes(uuid, bigEndian: true, out _);
            writer.Bytes(uuid);
            if (tagged)
                writer.U8((byte)(source.Tag.Length << 1)).Text(source.Tag);
            writer.U64((ulong)intervals.Count);
            foreach (var (first, last) in intervals)
                writer.U64(first).U64(last + 1);
        }
    }

    public static GtidSet Read(ReadOnlySpan<byte> bytes)
    {
        var set = new GtidSet();
        if (bytes.IsEmpty)
            return set;
        var cursor = new ByteCursor(bytes);
        var count = cursor.U64();
        var tagged = count >> 56 == TaggedFormat;
        if (tagged)
            count = count << 8 >> 16;
        for (; count > 0; count--)
        {
            var source = new GtidSource(new Guid(cursor.Bytes(16), bigEndian: true), "");
            if (tagged)
                source = source with { Tag = cursor.Utf8((int)cursor.Varlen()) };
            for (var intervals = cursor.U64(); intervals > 0; intervals--)
            {
                var (first, end) = (cursor.U64(), cursor.U64());
                if (first == 0 || end <= first)
                    throw new WireFormatException($"the GTID interval from {first} to {end} is not one");
                set.Add(source, new Interval(first, end - 1));
            }
        }
        return set;
    }
}
