using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>Carries an authentication through to the server's OK, over its switches of method.</summary>
internal static class Authenticator
{
    /// <summary>The first response, by the method the greeting names; empty where that is not ours (the server then switches).</summary>
    public static byte[] First(string plugin, string password, byte[] nonce) => Respond(plugin, password, nonce) ?? [];

    /// <summary>The method to name in the first response.</summary>
    public static string FirstName(string plugin) =>
        plugin is NativePassword.Name or CachingSha2.Name or Ed25519Password.Name ? plugin : NativePassword.Name;

    public static async Task Finish(
        PacketStream packets,
        ConnectionOptions options,
        string plugin,
        byte[] nonce,
        bool encrypted,
        CancellationToken ct
    )
    {
        while (true)
        {
            var packet = await packets.Read(ct);
            switch (packet.Span[0])
            {
                case 0x00:
                    return;
                case 0xff:
                    throw ServerErrors.Read(packet.Span, $"{options}: authentication by {plugin}", authenticated: false);
                case 0xfe:
                    (plugin, nonce) = Switch(packet.Span, options);
                    var response =
                        Respond(plugin, options.Password, nonce)
                        ?? throw new AuthenticationUnsupportedException(
                            $"{options}: the account authenticates by '{plugin}', which is not supported. "
                                + $"Give it one of {CachingSha2.Name}, {NativePassword.Name}, ed25519."
                        );
                    await packets.Write(response, ct);
                    break;
                case 0x01 when plugin == CachingSha2.Name && packet.Length > 1:
                    await CachingSha2.Continue(packet.Span[1], packets, options, nonce, encrypted, ct);
                    break;
                default:
                    throw new WireFormatException($"{options}: 0x{packet.Span[0]:x2} is no answer to authentication by {plugin}");
            }
        }
    }

    static (string Plugin, byte[] Nonce) Switch(ReadOnlySpan<byte> packet, ConnectionOptions options)
    {
        if (packet.Length == 1)
        {
            throw new AuthenticationUnsupportedException(
                $"{options}: the account authenticates by the passwords of MySQL before 4.1, which are not safe. Set its password again."
            );
        }
        var cursor = new ByteCursor(packet);
        cursor.Skip(1);
        var plugin = Encoding.ASCII.GetString(cursor.NullTerminated());
        var nonce = cursor.Rest;
        if (nonce.Length > 0 && nonce[^1] == 0 && plugin != Ed25519Password.Name)
            nonce = nonce[..^1];
        return (plugin, nonce.ToArray());
    }

    static byte[]? Respond(string plugin, string password, byte[] nonce) =>
        plugin switch
        {
            NativePassword.Name => NativePassword.Respond(password, nonce),
            CachingSha2.Name => CachingSha2.Respond(password, nonce),
            Ed25519Password.Name => Ed25519Password.Respond(password, nonce),
            _ => null,
        };
}
