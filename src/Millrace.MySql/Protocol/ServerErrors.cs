using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>Makes the typed exception of an error packet: what the server said, where, and what to do.</summary>
internal static class ServerErrors
{
    /// <summary>Of an ERR packet (0xFF, code, "#" and the SQL state, message). <paramref name="where"/> says what was being done.</summary>
    /// <remarks>After <paramref name="authenticated"/> a denial is about what the account may do, before it about who it is.</remarks>
    public static ServerErrorException Read(ReadOnlySpan<byte> packet, string where, bool authenticated = true)
    {
        var cursor = new ByteCursor(packet);
        cursor.Skip(1);
        var code = cursor.U16();
        var state = "";
        if (cursor.Remaining >= 6 && cursor.Rest[0] == (byte)'#')
        {
            cursor.Skip(1);
            state = Encoding.ASCII.GetString(cursor.Bytes(5));
        }
        return Make(code, state, Encoding.UTF8.GetString(cursor.Rest), where, authenticated);
    }

    static ServerErrorException Make(int code, string state, string said, string where, bool authenticated)
    {
        string Say(string todo) => $"{where}: the server said \"{said}\" (error {code}). {todo}";
        switch (code)
        {
            // ER_DBACCESS_DENIED, ER_ACCESS_DENIED, ER_HOST_NOT_PRIVILEGED, ER_ACCESS_DENIED_NO_PASSWORD, account locked (both servers),
            // ER_MUST_CHANGE_PASSWORD_LOGIN, ER_SECURE_TRANSPORT_REQUIRED
            case 1044 or 1045 or 1130 or 1698 or 3118 or 4151 or 1862 or 3159 when !authenticated:
                return new AccessDeniedException(
                    code,
                    state,
                    said,
                    Say(
                        "Check the user name and password, that the account may connect from this host, and whether it requires TLS "
                            + "(ALTER USER ... REQUIRE SSL asks for a TLS mode of required or more here)."
                    )
                );
            // ER_SPECIFIC_ACCESS_DENIED, and ER_ACCESS_DENIED as the answer to a replica's registration
            case 1227 or 1045:
                return new MissingPrivilegeException(
                    code,
                    state,
                    said,
                    Say(
                        "Grant it: GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the user (MariaDB names the second BINLOG MONITOR)."
                    )
                );
            // ER_MASTER_FATAL_ERROR_READING_BINLOG, and MariaDB's GTID errors and id collision that stand on their own
            case 1236 or 1945 or 1955 or 4052:
                return Dump(code, state, said, Say);
            default:
                return new ServerErrorException(code, state, said, Say("").TrimEnd());
        }
    }

    static ServerErrorException Dump(int code, string state, string said, Func<string, string> say)
    {
        bool Has(string text) => said.Contains(text, StringComparison.OrdinalIgnoreCase);
        if (Has("same server_uuid/server_id") || Has("same server_id") || Has("same server_uuid"))
        {
            return new ServerIdCollisionException(
                code,
                state,
                said,
                say(
                    "Two replicas share one server id, and the server keeps the newer: give each its own server id, and run one capture of a source."
                )
            );
        }
        // Not a lost position: the log is there, it cannot be sent.
        if (Has("max_allowed_packet") || Has("Binary log is not open") || Has("server_id was not set") || Has("server id is not set"))
            return new ServerErrorException(
                code,
                state,
                said,
                say("The server's configuration must change before its binlog can be read.")
            );
        return new PositionLostException(
            code,
            state,
            said,
            say(
                "The binlog from the saved position on is not there any more (purged, reset, or another server's): the tables need a new "
                    + "snapshot. Keep binlogs longer than the longest stop (binlog_expire_logs_seconds)."
            )
        );
    }
}
