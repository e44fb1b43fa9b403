using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>mysql_native_password: SHA1(password) xor SHA1(nonce + SHA1(SHA1(password))).</summary>
internal static class NativePassword
{
    public const string Name = "mysql_native_password";

    [SuppressMessage("Security", "CA5350", Justification = "The protocol says SHA-1.")]
    public static byte[] Respond(string password, ReadOnlySpan<byte> nonce)
    {
        if (password.Length == 0)
            return [];
        var once = SHA1.HashData(Encoding.UTF8.GetBytes(password));
        var twice = SHA1.HashData(once);
        var mask = SHA1.HashData([.. nonce[..Math.Min(20, nonce.Length)], .. twice]);
        for (var i = 0; i < once.Length; i++)
            once[i] ^= mask[i];
        return once;
    }
}
