using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>The server's first packet (protocol 10).</summary>
internal sealed record Handshake(string ServerVersion, uint ConnectionId, byte[] Nonce, Capabilities Capabilities, string Plugin)
{
    /// <summary>MariaDB says so in its version text, on old servers behind "5.5.5-".</summary>
    public bool IsMariaDb => ServerVersion.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);

    public static Handshake Read(ReadOnlySpan<byte> packet, string where)
    {
        var cursor = new ByteCursor(packet);
        var protocol = cursor.U8();
        // A server that refuses a host, or is full, answers with an error in place of the greeting.
        if (protocol == 0xff)
            throw ServerErrors.Read(packet, where, authenticated: false);
        if (protocol != 10)
            throw new WireFormatException(
                $"{where}: this is no MySQL or MariaDB server, or one that speaks protocol {protocol}; it must be 10"
            );
        var version = Encoding.UTF8.GetString(cursor.NullTerminated());
        var connection = cursor.U32();
        var nonce = new byte[32];
        cursor.Bytes(8).CopyTo(nonce);
        cursor.Skip(1);
        var capabilities = (uint)cursor.U16();
        cursor.Skip(1 + 2);
        capabilities |= (uint)cursor.U16() << 16;
        var announced = cursor.U8();
        // MariaDB keeps extended capabilities in the last four of these ten; none is asked for here.
        cursor.Skip(10);
        var second = cursor.Bytes(Math.Min(Math.Max(13, announced - 8), cursor.Remaining));
        // The nonce ends with a zero that is not part of it.
        var length = Math.Min(second.Length, nonce.Length - 8);
        if (length > 0 && second[length - 1] == 0)
            length--;
        second[..length].CopyTo(nonce.AsSpan(8));
        var plugin = "";
        if (((Capabilities)capabilities).HasFlag(Capabilities.PluginAuthentication))
        {
            var rest = cursor.Rest;
            var end = rest.IndexOf((byte)0);
            plugin = Encoding.ASCII.GetString(end < 0 ? rest : rest[..end]);
        }
        return new Handshake(version, connection, nonce[..(8 + length)], (Capabilities)capabilities, plugin);
    }
}
