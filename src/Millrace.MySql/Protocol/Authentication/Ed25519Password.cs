using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>
/// MariaDB's client_ed25519: the server's nonce signed as in RFC 8032, except that the secret is the password itself, of any length, where
/// the RFC has 32 random bytes. Libraries sign with such keys only, so the curve is written out here; one signature a connection.
/// </summary>
internal static class Ed25519Password
{
    public const string Name = "client_ed25519";

    static readonly BigInteger P = BigInteger.Pow(2, 255) - 19;
    static readonly BigInteger L =
        BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493", CultureInfo.InvariantCulture);
    static readonly BigInteger D = Mod(-121665 * Inverse(121666));
    static readonly Point Base = new(
        BigInteger.Parse("15112221349535400772501151409588531511454012693041857206046113283949847762202", CultureInfo.InvariantCulture),
        Mod(4 * Inverse(5))
    );

    /// <summary>The signature of the server's nonce.</summary>
    public static byte[] Respond(string password, ReadOnlySpan<byte> nonce)
    {
        if (password.Length == 0)
            return [];
        Span<byte> secret = stackalloc byte[64];
        var scalar = Expand(password, secret);
        var publicKey = Encode(Multiply(scalar));
        var r = Number(SHA512.HashData([.. secret[32..], .. nonce])) % L;
        var commitment = Encode(Multiply(r));
        var challenge = Number(SHA512.HashData([.. commitment, .. publicKey, .. nonce])) % L;
        var response = (r + challenge * scalar) % L;

        var signature = new byte[64];
        commitment.CopyTo(signature, 0);
        response.TryWriteBytes(signature.AsSpan(32), out _, isUnsigned: true);
        return signature;
    }

    /// <summary>What the server keeps of a password.</summary>
    public static byte[] PublicKey(string password) => Encode(Multiply(Expand(password, stackalloc byte[64])));

    static BigInteger Expand(string password, Span<byte> secret)
    {
        SHA512.HashData(Encoding.UTF8.GetBytes(password), secret);
        secret[0] &= 248;
        secret[31] &= 63;
        secret[31] |= 64;
        return Number(secret[..32]);
    }

    /// <summary>A point in extended coordinates: x = X/Z, y = Y/Z, T = XY/Z.</summary>
    readonly record struct Point(BigInteger X, BigInteger Y, BigInteger Z, BigInteger T)
    {
        public Point(BigInteger x, BigInteger y)
            : this(x, y, BigInteger.One, Mod(x * y)) { }
    }

    /// <summary>RFC 8032, section 5.1.4; complete, so it doubles as well.</summary>
    static Point Add(Point p, Point q)
    {
        var a = Mod((p.Y - p.X) * (q.Y - q.X));
        var b = Mod((p.Y + p.X) * (q.Y + q.X));
        var c = Mod(2 * p.T * q.T * D);
        var d = Mod(2 * p.Z * q.Z);
        var (e, f, g, h) = (b - a, d - c, d + c, b + a);
        return new Point(Mod(e * f), Mod(g * h), Mod(f * g), Mod(e * h));
    }

    static Point Multiply(BigInteger scalar)
    {
        var sum = new Point(BigInteger.Zero, BigInteger.One);
        var power = Base;
        for (var bit = 0; bit < 256; bit++)
        {
            var with = Add(sum, power);
            if (!((scalar >> bit) & BigInteger.One).IsZero)
                sum = with;
            power = Add(power, power);
        }
        return sum;
    }

    static byte[] Encode(Point p)
    {
        var inverse = Inverse(p.Z);
        var (x, y) = (Mod(p.X * inverse), Mod(p.Y * inverse));
        var bytes = new byte[32];
        y.TryWriteBytes(bytes, out _, isUnsigned: true);
        if (!x.IsEven)
            bytes[31] |= 0x80;
        return bytes;
    }

    static BigInteger Number(ReadOnlySpan<byte> littleEndian) => new(littleEndian, isUnsigned: true);

    static BigInteger Inverse(BigInteger value) => BigInteger.ModPow(Mod(value), P - 2, P);

    static BigInteger Mod(BigInteger value)
    {
        var rest = value % P;
        return rest.Sign < 0 ? rest + P : rest;
    }
}
