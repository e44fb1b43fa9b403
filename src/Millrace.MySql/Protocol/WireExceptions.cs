using System.Diagnostics.CodeAnalysis;

namespace Millrace.MySql.Protocol;

/// <summary>What can go wrong between this client and a server, or in a binlog.</summary>
internal abstract class WireException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>No connection could be made: nobody listens, the name is unknown, or it took too long.</summary>
internal sealed class ConnectFailedException(string message, Exception? inner = null) : WireException(message, inner);

/// <summary>Encryption was asked for and is not to be had, or the certificate is not to be believed.</summary>
internal sealed class TlsFailedException(string message, Exception? inner = null) : WireException(message, inner);

/// <summary>The server asks for a way of authentication that this client lacks, or that its options forbid.</summary>
internal sealed class AuthenticationUnsupportedException(string message) : WireException(message);

/// <summary>The connection ended or went silent while there was more to come. Connecting again is the cure.</summary>
internal class ConnectionLostException(string message, Exception? inner = null) : WireException(message, inner);

/// <summary>No byte, not even a heartbeat, came within the deadline.</summary>
internal sealed class ConnectionSilentException(string message, Exception? inner = null) : ConnectionLostException(message, inner);

/// <summary>Bytes that do not follow the protocol.</summary>
internal sealed class WireFormatException(string message, Exception? inner = null) : WireException(message, inner)
{
    [DoesNotReturn]
    public static void Throw(int wanted, int remaining, int at) =>
        throw new WireFormatException($"{wanted} bytes were announced at byte {at}, {remaining} are there");
}

/// <summary>An error that the server itself reported.</summary>
internal class ServerErrorException(int code, string sqlState, string serverMessage, string message) : WireException(message)
{
    /// <summary>The server's error number.</summary>
    public int Code => code;

    /// <summary>Five characters, or empty.</summary>
    public string SqlState => sqlState;

    /// <summary>The server's own words.</summary>
    public string ServerMessage => serverMessage;
}

/// <summary>User, password or host were refused.</summary>
internal sealed class AccessDeniedException(int code, string sqlState, string serverMessage, string message)
    : ServerErrorException(code, sqlState, serverMessage, message);

/// <summary>The account lacks a privilege.</summary>
internal sealed class MissingPrivilegeException(int code, string sqlState, string serverMessage, string message)
    : ServerErrorException(code, sqlState, serverMessage, message);

/// <summary>The server no longer has, or never had, the position asked for: the history from there on is lost.</summary>
internal sealed class PositionLostException(int code, string sqlState, string serverMessage, string message)
    : ServerErrorException(code, sqlState, serverMessage, message);

/// <summary>Another replica has the same server id or uuid; the server keeps one of them.</summary>
internal sealed class ServerIdCollisionException(int code, string sqlState, string serverMessage, string message)
    : ServerErrorException(code, sqlState, serverMessage, message);
