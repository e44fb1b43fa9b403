using System.Text;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>The next file and where it begins.</summary>
internal readonly record struct RotateEvent(string File, ulong Offset)
{
    public static RotateEvent Read(ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        var offset = cursor.U64();
        return new RotateEvent(Encoding.UTF8.GetString(cursor.Rest), offset);
    }
}

/// <summary>A sign of life with the place the server has come to; offset 0 where it does not say.</summary>
internal readonly record struct HeartbeatEvent(string File, ulong Offset)
{
    const int FileField = 1;
    const int OffsetField = 2;

    public static HeartbeatEvent Read(in BinlogEventHeader header, ReadOnlySpan<byte> body)
    {
        if (header.Type == BinlogEventType.Heartbeat)
            return new HeartbeatEvent(Encoding.UTF8.GetString(body), header.LogPos);
        var (file, offset) = ("", 0UL);
        var cursor = new ByteCursor(body);
        while (cursor.Remaining > 0)
        {
            var field = cursor.LengthEncoded();
            if (field == 0)
                break;
            var value = new ByteCursor(cursor.Bytes(cursor.LengthEncodedInt()));
            if (field == FileField)
                file = Encoding.UTF8.GetString(value.Rest);
            else if (field == OffsetField)
                offset = value.LengthEncoded();
        }
        return new HeartbeatEvent(file, offset);
    }
}

/// <summary>A statement as text: BEGIN, COMMIT, DDL, XA, or a change in statement format.</summary>
internal readonly ref struct QueryEvent
{
    /// <summary>The session that ran it.</summary>
    public uint ThreadId { get; private init; }

    /// <summary>The session's default schema, UTF-8.</summary>
    public ReadOnlySpan<byte> Database { get; private init; }

    /// <summary>The statement, in the client's character set.</summary>
    public ReadOnlySpan<byte> Sql { get; private init; }

    public static QueryEvent Read(ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        var thread = cursor.U32();
        cursor.Skip(4);
        var database = cursor.U8();
        cursor.Skip(2);
        cursor.Skip(cursor.U16());
        var name = cursor.Bytes(database);
        cursor.Skip(1);
        return new QueryEvent
        {
            ThreadId = thread,
            Database = name,
            Sql = cursor.Rest,
        };
    }
}

/// <summary>Ends a transaction of a transactional engine.</summary>
internal readonly record struct XidEvent(ulong Xid)
{
    public static XidEvent Read(ReadOnlySpan<byte> body) => new(new ByteCursor(body).U64());
}

/// <summary>The text of the statement whose rows follow (ROWS_QUERY, ANNOTATE_ROWS).</summary>
internal static class StatementText
{
    public static ReadOnlySpan<byte> Read(BinlogEventType type, ReadOnlySpan<byte> body) =>
        // MySQL's has its length, cut to a byte, before it.
        type == BinlogEventType.RowsQuery
        && body.Length > 0
            ? body[1..]
            : body;
}

/// <summary>The server says that its log misses something.</summary>
internal readonly record struct IncidentEvent(int Number, string Message)
{
    public static IncidentEvent Read(ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        var number = cursor.U16();
        return new IncidentEvent(number, cursor.Remaining > 0 ? cursor.Utf8(cursor.U8()) : "");
    }
}

/// <summary>The rows before it wait for XA COMMIT of this transaction, or are committed by it (one phase).</summary>
internal readonly record struct XaPrepareEvent(bool OnePhase, XaId Id)
{
    public static XaPrepareEvent Read(ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        var onePhase = cursor.U8() != 0;
        var format = cursor.U32();
        var (global, branch) = ((int)cursor.U32(), (int)cursor.U32());
        return new XaPrepareEvent(onePhase, XaId.Of(cursor.Bytes(global), cursor.Bytes(branch), format));
    }
}
