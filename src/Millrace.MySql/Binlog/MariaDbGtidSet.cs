using System.Globalization;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>One transaction of MariaDB: "domain-server-sequence".</summary>
internal readonly record struct MariaDbGtid(uint Domain, uint Server, ulong Sequence)
{
    public static MariaDbGtid Parse(string text)
    {
        var parts = text.Split('-');
        return
            parts.Length == 3
            && uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var domain)
            && uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var server)
            && ulong.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            ? new MariaDbGtid(domain, server, sequence)
            : throw new FormatException($"'{text}' is no GTID of MariaDB; it looks like 0-1-100");
    }

    public override string ToString() => $"{Domain}-{Server}-{Sequence}";
}

/// <summary>A position of MariaDB, as in gtid_binlog_pos: the last transaction of each domain, and so all before them.</summary>
internal sealed class MariaDbGtidSet
{
    readonly SortedDictionary<uint, MariaDbGtid> _domains = [];

    public bool IsEmpty => _domains.Count == 0;

    public static MariaDbGtidSet Parse(string text)
    {
        var set = new MariaDbGtidSet();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            set.Add(MariaDbGtid.Parse(part));
        return set;
    }

    /// <summary>The transaction is now the last of its domain.</summary>
    public void Add(MariaDbGtid gtid) => _domains[gtid.Domain] = gtid;

    public bool Contains(MariaDbGtid gtid) => _domains.TryGetValue(gtid.Domain, out var last) && gtid.Sequence <= last.Sequence;

    public bool Contains(MariaDbGtidSet other) => other._domains.Values.All(Contains);

    public MariaDbGtidSet Copy()
    {
        var copy = new MariaDbGtidSet();
        foreach (var gtid in _domains.Values)
            copy.Add(gtid);
        return copy;
    }

    public override string ToString() => string.Join(',', _domains.Values);

    /// <summary>
    /// Of the body of a GTID_LIST event. It may name several servers in a domain; the last of them is where the domain stands.
    /// </summary>
    public static MariaDbGtidSet Read(ReadOnlySpan<byte> body)
    {
        var set = new MariaDbGtidSet();
        var cursor = new ByteCursor(body);
        // The upper four bits are flags.
        for (var count = cursor.U32() & 0x0fff_ffff; count > 0; count--)
            set.Add(new MariaDbGtid(cursor.U32(), cursor.U32(), cursor.U64()));
        return set;
    }
}
