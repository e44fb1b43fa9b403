using Millrace.MySql.Protocol;
using MySqlConnector;

namespace Millrace.MySql.Doctor;

/// <summary>The way to the binlog that a connection string for SQL tells.</summary>
internal static class BinlogAddress
{
    public static ConnectionOptions Of(MySqlConnectionStringBuilder address) =>
        new()
        {
            Host = address.Server.Split(',')[0].Trim(),
            Port = (int)address.Port,
            User = address.UserID,
            Password = address.Password,
            Tls = address.SslMode switch
            {
                MySqlSslMode.None => TlsMode.Off,
                MySqlSslMode.Required => TlsMode.Required,
                MySqlSslMode.VerifyCA => TlsMode.VerifyCa,
                MySqlSslMode.VerifyFull => TlsMode.VerifyFull,
                _ => TlsMode.Preferred,
            },
            CaFile = address.SslCa.Length > 0 ? address.SslCa : null,
            AllowPublicKeyRetrieval = address.AllowPublicKeyRetrieval,
        };

    /// <summary>An id for a short visit, out of the range that people give to servers: it must not end another replica's connection.</summary>
    public static uint VisitorId() => 2_100_000_000 + (uint)Random.Shared.Next(40_000_000);
}
