using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>MySQL's mark before each transaction: its GTID, where there is one, and when it was committed.</summary>
/// <param name="Gtid">Its id; null of an anonymous transaction.</param>
/// <param name="LogicalClock">Whether the clock fields are there (MySQL 5.7.2 and later).</param>
/// <param name="CommitMicroseconds">When this server committed it, microseconds since 1970; 0 where it does not say (before 8.0.1).</param>
/// <param name="Length">Bytes of the whole transaction with this event; 0 where it does not say.</param>
internal readonly record struct GtidEvent(Gtid? Gtid, bool LogicalClock, ulong CommitMicroseconds, ulong Length)
{
    const byte LogicalClockMark = 2;
    const ulong OriginalFollows = 1UL << 55;

    public static GtidEvent Read(BinlogEventType type, ReadOnlySpan<byte> body) =>
        type == BinlogEventType.GtidTagged ? ReadTagged(body) : ReadPlain(type, body);

    static GtidEvent ReadPlain(BinlogEventType type, ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        cursor.Skip(1);
        var source = new Guid(cursor.Bytes(16), bigEndian: true);
        var number = cursor.U64();
        Gtid? gtid = type == BinlogEventType.Gtid ? new Gtid(new GtidSource(source, ""), number) : null;
        if (cursor.Remaining < 17 || cursor.U8() != LogicalClockMark)
            return new GtidEvent(gtid, false, 0, 0);
        cursor.Skip(16);
        if (cursor.Remaining < 7)
            return new GtidEvent(gtid, true, 0, 0);
        var committed = cursor.Unsigned(7);
        if ((committed & OriginalFollows) != 0)
            cursor.Skip(7);
        var length = cursor.Remaining > 0 ? cursor.LengthEncoded() : 0;
        return new GtidEvent(gtid, true, committed & ~OriginalFollows, length);
    }

    /// <summary>MySQL 8.3 and later write transactions with a tagged GTID in the form of their serialization library.</summary>
    static GtidEvent ReadTagged(ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        var version = cursor.Varlen();
        if (version != 1 && version != 0)
            throw new WireFormatException($"version {version} of the serialized form is not known");
        cursor.Varlen();
        cursor.Varlen();
        var (source, tag, number, committed, length) = (Guid.Empty, "", 0UL, 0UL, 0UL);
        Span<byte> uuid = stackalloc byte[16];
        while (cursor.Remaining > 0)
        {
            switch (cursor.Varlen())
            {
                case 0:
                    cursor.Varlen();
                    break;
                case 1:
                    for (var i = 0; i < uuid.Length; i++)
                        uuid[i] = (byte)cursor.Varlen();
                    source = new Guid(uuid, bigEndian: true);
                    break;
                case 2:
                    number = (ulong)cursor.VarlenSigned();
                    break;
                case 3:
                    tag = cursor.Utf8((int)cursor.Varlen());
                    break;
                case 4 or 5:
                    cursor.VarlenSigned();
                    break;
                case 6:
                    committed = cursor.Varlen();
                    break;
                case 8:
                    length = cursor.Varlen();
                    break;
                default:
                    // Every field up to here is an integer, and nothing after these is wanted.
                    cursor.Varlen();
                    break;
            }
        }
        if (source == Guid.Empty || number == 0)
            throw new WireFormatException("the tagged GTID has no source or no number");
        return new GtidEvent(new Gtid(new GtidSource(source, tag), number), true, committed, length);
    }
}

/// <summary>What is special about a transaction of MariaDB.</summary>
[Flags]
internal enum MariaDbGtidFlags : byte
{
    None = 0,

    /// <summary>One statement follows, and no COMMIT.</summary>
    Standalone = 1,
    GroupCommit = 2,
    Transactional = 4,
    AllowParallel = 8,
    Waited = 16,
    Ddl = 32,

    /// <summary>Ends in XA PREPARE.</summary>
    PreparedXa = 64,

    /// <summary>Is XA COMMIT or XA ROLLBACK.</summary>
    CompletedXa = 128,
}

/// <summary>MariaDB's begin of each transaction (there is no BEGIN after it).</summary>
internal readonly record struct MariaDbGtidEvent(MariaDbGtid Gtid, MariaDbGtidFlags Flags)
{
    public bool IsStandalone => Flags.HasFlag(MariaDbGtidFlags.Standalone);

    /// <summary>The server id is the header's.</summary>
    public static MariaDbGtidEvent Read(in BinlogEventHeader header, ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        var sequence = cursor.U64();
        var domain = cursor.U32();
        return new MariaDbGtidEvent(new MariaDbGtid(domain, header.ServerId, sequence), (MariaDbGtidFlags)cursor.U8());
    }
}
