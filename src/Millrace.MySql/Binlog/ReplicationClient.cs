using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>Where a dump begins: one of the three.</summary>
internal abstract record BinlogStart
{
    /// <summary>A file and offset; offset 4 is the file's begin.</summary>
    public sealed record At(BinlogPosition Position) : BinlogStart;

    /// <summary>After the transactions of a set (MySQL with gtid_mode=ON).</summary>
    public sealed record AfterGtids(GtidSet Executed) : BinlogStart;

    /// <summary>After a position of MariaDB.</summary>
    public sealed record AfterMariaDbGtids(MariaDbGtidSet Position) : BinlogStart;
}

/// <summary>How a dump is asked for.</summary>
internal sealed record DumpOptions
{
    /// <summary>This replica's id; no other replica of the server, and not the server itself, may have it.</summary>
    public required uint ServerId { get; init; }

    public required BinlogStart Start { get; init; }

    /// <summary>How often an idle server shows that it lives.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long no byte may come before the connection is given up; three heartbeats unless set.</summary>
    public TimeSpan? SilenceLimit { get; init; }

    /// <summary>Ends at the end of the log instead of waiting there.</summary>
    public bool NonBlocking { get; init; }
}

/// <summary>Asks a server for its binlog, as a replica does.</summary>
internal static class ReplicationClient
{
    const byte ComBinlogDump = 0x12;
    const byte ComRegisterSlave = 0x15;
    const byte ComBinlogDumpGtid = 0x1e;
    const ushort NonBlock = 1;
    const ushort SendAnnotations = 2;
    const ushort ThroughGtid = 4;

    /// <summary>Registers as a replica and starts the dump. The reader owns the connection from then on.</summary>
    /// <exception cref="MissingPrivilegeException">The account lacks REPLICATION SLAVE.</exception>
    public static async Task<BinlogReader> Start(ServerConnection connection, DumpOptions options, CancellationToken ct)
    {
        var checksums = await Prepare(connection, options, ct);
        await Register(connection, options, ct);
        connection.LimitSilence(options.SilenceLimit ?? 3 * options.Heartbeat);
        connection.Packets.Restart();
        await connection.Packets.Write(Request(connection, options).Written, ct);
        var start = options.Start is BinlogStart.At at ? at.Position : new BinlogPosition("", FileInput.MagicSize);
        return BinlogReader.OfServer(connection, start, checksums);
    }

    static async Task<bool> Prepare(ServerConnection connection, DumpOptions options, CancellationToken ct)
    {
        var heartbeat = (long)(options.Heartbeat.TotalMilliseconds * 1_000_000);
        // A consumer that is slower than the log must not look dead to the server, which by default gives up after a minute.
        await connection.Query("SET net_write_timeout = 3600, net_read_timeout = 3600", ct);
        await connection.Query(
            "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum, "
                + $"@master_heartbeat_period = {heartbeat}, @source_heartbeat_period = {heartbeat}",
            ct
        );
        if (connection.IsMariaDb)
        {
            await connection.Query("SET @mariadb_slave_capability = 4, @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0", ct);
            if (options.Start is BinlogStart.AfterMariaDbGtids start)
                await connection.Query($"SET @slave_connect_state = '{start.Position}'", ct);
        }
        else
        {
            // The server tells replicas apart by uuid and ends the older of two with one uuid; the id makes it ours, and the same each time.
            var uuid = $"4d696c6c-7261-4365-8000-0000{options.ServerId:x8}";
            await connection.Query($"SET @slave_uuid = '{uuid}', @replica_uuid = '{uuid}'", ct);
        }
        var rows = await connection.Query("SELECT @master_binlog_checksum", ct);
        return string.Equals(rows[0][0], "CRC32", StringComparison.OrdinalIgnoreCase);
    }

    static Task Register(ServerConnection connection, DumpOptions options, CancellationToken ct) =>
        connection.Command(
            new PayloadWriter()
                .U8(ComRegisterSlave)
                .U32(options.ServerId)
                .ShortText("millrace")
                .ShortText("")
                .ShortText("")
                .U16(0)
                .U32(0)
                .U32(0),
            $"{connection.Options}: registering as a replica",
            ct
        );

    static PayloadWriter Request(ServerConnection connection, DumpOptions options)
    {
        var flags = options.NonBlocking ? NonBlock : (ushort)0;
        switch (options.Start)
        {
            case BinlogStart.AfterGtids after when !connection.IsMariaDb:
                var set = new PayloadWriter();
                after.Executed.Write(set);
                return new PayloadWriter()
                    .U8(ComBinlogDumpGtid)
                    .U16((ushort)(flags | ThroughGtid))
                    .U32(options.ServerId)
                    .U32(0)
                    .U64(FileInput.MagicSize)
                    .U32((uint)set.Written.Length)
                    .Bytes(set.Written.Span);
            case BinlogStart.AfterMariaDbGtids when connection.IsMariaDb:
                return Dump("", FileInput.MagicSize);
            case BinlogStart.At { Position: var at }:
                // The field has 32 bits; MySQL takes the rest of a large offset with the GTID form only.
                if (at.Offset > uint.MaxValue)
                {
                    throw new NotSupportedException(
                        $"{connection.Options}: {at} lies beyond 4 GB in its file, where a server without GTIDs cannot begin. "
                            + "Turn GTIDs on, or keep max_binlog_size at its 1 GB and transactions below 3 GB."
                    );
                }
                return Dump(at.File, (uint)at.Offset);
            default:
                throw new ArgumentException(
                    $"a start of kind {options.Start.GetType().Name} does not fit the server {connection.ServerVersion}",
                    nameof(options)
                );
        }

        PayloadWriter Dump(string file, uint offset)
        {
            // The same bit means something else to MySQL.
            if (connection.IsMariaDb)
                flags |= SendAnnotations;
            return new PayloadWriter().U8(ComBinlogDump).U32(offset).U16(flags).U32(options.ServerId).Text(file);
        }
    }
}
