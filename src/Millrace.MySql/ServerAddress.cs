using Millrace.MySql.Protocol;
using MySqlConnector;
using MySqlConnector.Authentication;

namespace Millrace.MySql;

/// <summary>One connection string for both ways to the server: SQL by MySqlConnector, the binlog by our own client.</summary>
internal sealed class ServerAddress
{
    static ServerAddress() => AuthenticationPlugins.Register(new Ed25519Plugin());

    public ServerAddress(string name, string connectionString)
    {
        if (connectionString.Length == 0)
        {
            throw new InvalidOperationException(
                $"There is no connection string '{name}'. Set ConnectionStrings:{name}, for example \"Server=127.0.0.1;User ID=millrace;Password=...;Database=...\"."
            );
        }
        var given = new MySqlConnectionStringBuilder(connectionString);
        if (given.Database.Length == 0)
            throw new InvalidOperationException(
                $"The connection string '{name}' names no database. Add Database=... to say which is to be captured."
            );
        if (given.ConnectionProtocol != MySqlConnectionProtocol.Sockets)
            throw new InvalidOperationException(
                $"The connection string '{name}' asks for {given.ConnectionProtocol}; the binlog is read over TCP only."
            );
        Database = given.Database;
        Binlog = new ConnectionOptions
        {
            Host = given.Server.Split(',')[0].Trim(),
            Port = (int)given.Port,
            User = given.UserID,
            Password = given.Password,
            Tls = given.SslMode switch
            {
                MySqlSslMode.None => TlsMode.Off,
                MySqlSslMode.Required => TlsMode.Required,
                MySqlSslMode.VerifyCA => TlsMode.VerifyCa,
                MySqlSslMode.VerifyFull => TlsMode.VerifyFull,
                _ => TlsMode.Preferred,
            },
            CaFile = given.SslCa.Length > 0 ? given.SslCa : null,
            AllowPublicKeyRetrieval = given.AllowPublicKeyRetrieval,
            ConnectTimeout = TimeSpan.FromSeconds(Math.Max(1, given.ConnectionTimeout)),
        };
        given.AllowUserVariables = true;
        // Sessions are set up for their purpose and live as long as the connection to the binlog.
        given.Pooling = false;
        Sql = given.ConnectionString;
    }

    public string Database { get; }

    public ConnectionOptions Binlog { get; }

    public string Sql { get; }

    /// <summary>MariaDB's ed25519 for MySqlConnector, which has it in another package.</summary>
    sealed class Ed25519Plugin : IAuthenticationPlugin3
    {
        public string Name => Ed25519Password.Name;

        public byte[] CreateResponse(string password, ReadOnlySpan<byte> authenticationData) =>
            Ed25519Password.Respond(password, authenticationData[..Math.Min(32, authenticationData.Length)]);

        public void CreateResponseAndPasswordHash(
            string password,
            ReadOnlySpan<byte> authenticationData,
            out byte[] authenticationResponse,
            out byte[] passwordHash
        )
        {
            authenticationResponse = CreateResponse(password, authenticationData);
            passwordHash = Ed25519Password.PublicKey(password);
        }
    }
}
