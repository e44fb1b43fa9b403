using System.Security.Cryptography;
using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>
/// caching_sha2_password: a scramble that the server can check while it remembers the account (fast path), and the password itself,
/// over TLS or enciphered with the server's RSA key, when it does not.
/// </summary>
internal static class CachingSha2
{
    public const string Name = "caching_sha2_password";

    const byte FastPathDone = 3;
    const byte FullAuthentication = 4;
    static readonly byte[] PublicKeyRequest = [2];

    /// <summary>SHA256(password) xor SHA256(SHA256(SHA256(password)) + nonce).</summary>
    public static byte[] Respond(string password, ReadOnlySpan<byte> nonce)
    {
        if (password.Length == 0)
            return [];
        var once = SHA256.HashData(Encoding.UTF8.GetBytes(password));
        var twice = SHA256.HashData(once);
        var mask = SHA256.HashData([.. twice, .. nonce[..Math.Min(20, nonce.Length)]]);
        for (var i = 0; i < once.Length; i++)
            once[i] ^= mask[i];
        return once;
    }

    /// <summary>Answers what the server says after the scramble (the byte after 0x01).</summary>
    public static async Task Continue(
        byte said,
        PacketStream packets,
        ConnectionOptions options,
        byte[] nonce,
        bool encrypted,
        CancellationToken ct
    )
    {
        if (said == FastPathDone)
            return;
        if (said != FullAuthentication)
            throw new WireFormatException($"{options}: caching_sha2_password does not know the answer 0x{said:x2}");
        var password = Encoding.UTF8.GetBytes(options.Password + '\0');
        if (encrypted)
        {
            await packets.Write(password, ct);
            return;
        }
        if (!options.AllowPublicKeyRetrieval)
        {
            throw new AuthenticationUnsupportedException(
                $"{options}: the server wants the whole password (it has not seen this account since its start), and the connection is not "
                    + "encrypted. Use a TLS mode of preferred or more, or allow the server's RSA key to be asked for (AllowPublicKeyRetrieval=true), "
                    + "which is safe only on a network you trust."
            );
        }
        await packets.Write(PublicKeyRequest, ct);
        var answer = await packets.Read(ct);
        if (answer.Span[0] != 1)
            throw ServerErrors.Read(answer.Span, $"{options}: asking for the server's RSA key", authenticated: false);
        await packets.Write(Encipher(password, nonce, Encoding.ASCII.GetString(answer.Span[1..])), ct);
    }

    static byte[] Encipher(byte[] password, byte[] nonce, string pem)
    {
        for (var i = 0; i < password.Length; i++)
            password[i] ^= nonce[i % nonce.Length];
        using var key = RSA.Create();
        key.ImportFromPem(pem);
        return key.Encrypt(password, RSAEncryptionPadding.OaepSHA1);
    }
}
