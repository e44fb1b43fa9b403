using Millrace.MySql.Binlog;

namespace Millrace.MySql.Position;

/// <summary>The transactions read so far, as a set of the server's kind. A transaction enters at its commit.</summary>
internal sealed class GtidTracker
{
    readonly GtidSet? _mySql;
    readonly MariaDbGtidSet? _mariaDb;

    GtidTracker(GtidSet? mySql, MariaDbGtidSet? mariaDb)
    {
        _mySql = mySql;
        _mariaDb = mariaDb;
    }

    /// <summary>Null where the server has no GTIDs.</summary>
    public static GtidTracker? Of(string? saved, bool mariaDb)
    {
        if (saved is null)
            return null;
        return mariaDb ? new GtidTracker(null, MariaDbGtidSet.Parse(saved)) : new GtidTracker(GtidSet.Parse(saved), null);
    }

    public void Add(in Gtid gtid) => _mySql?.Add(gtid);

    public void Add(in MariaDbGtid gtid) => _mariaDb?.Add(gtid);

    public bool IsEmpty => _mySql?.IsEmpty ?? _mariaDb!.IsEmpty;

    /// <summary>Where a dump goes on after what is in the set.</summary>
    public BinlogStart Start =>
        _mySql is not null ? new BinlogStart.AfterGtids(_mySql.Copy()) : new BinlogStart.AfterMariaDbGtids(_mariaDb!.Copy());

    /// <summary>Whether a server that has executed <paramref name="server"/> has everything in here.</summary>
    public bool IsPartOf(string server) =>
        _mySql is not null ? GtidSet.Parse(server).Contains(_mySql) : MariaDbGtidSet.Parse(server).Contains(_mariaDb!);

    public override string ToString() => _mySql?.ToString() ?? _mariaDb!.ToString();
}
