using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Millrace.MySql.Protocol;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Protocol;

/// <summary>A server whose certificate names "localhost", and authorities that did and did not issue it.</summary>
public sealed class TlsTests
{
    sealed record Certificates(string Folder) : IDisposable
    {
        public string Authority => Path.Combine(Folder, "ca.pem");
        public string Stranger => Path.Combine(Folder, "stranger.pem");
        public string Certificate => Path.Combine(Folder, "cert.pem");
        public string Key => Path.Combine(Folder, "key.pem");

        public static Certificates Make()
        {
            var made = new Certificates(Directory.CreateTempSubdirectory("millrace-tls-").FullName);
            // The server runs as another user.
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(made.Folder, File.GetUnixFileMode(made.Folder) | UnixFileMode.OtherExecute | UnixFileMode.OtherRead);
            var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
            using var authority = Authorize("CN=Authority", from, to);
            using var stranger = Authorize("CN=Stranger", from, to);
            using var key = RSA.Create(2048);
            var request = new CertificateRequest("CN=a database", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName("localhost");
            request.CertificateExtensions.Add(names.Build());
            using var certificate = request.Create(authority, from.AddHours(1), to.AddHours(-1), [1, 2, 3, 4]);
            File.WriteAllText(made.Authority, authority.ExportCertificatePem());
            File.WriteAllText(made.Stranger, stranger.ExportCertificatePem());
            File.WriteAllText(made.Certificate, certificate.ExportCertificatePem());
            File.WriteAllText(made.Key, key.ExportRSAPrivateKeyPem());
            return made;
        }

        static X509Certificate2 Authorize(string name, DateTimeOffset from, DateTimeOffset to)
        {
            var request = new CertificateRequest(name, RSA.Create(2048), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            return request.CreateSelfSigned(from, to);
        }

        public void Dispose() => Directory.Delete(Folder, recursive: true);
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task A_certificate_is_believed_as_far_as_the_mode_says(ServerKind kind)
    {
        using var certificates = Certificates.Make();
        await using var server = await DatabaseServer.StartAsync(
            kind,
            $"--ssl-ca={certificates.Authority}",
            $"--ssl-cert={certificates.Certificate}",
            $"--ssl-key={certificates.Key}"
        );
        var byName = (await server.User("IDENTIFIED BY 'secret'", "secret", grants: null)) with { Host = "localhost" };
        var byAddress = byName with { Host = "127.0.0.1" };

        Assert.Equal("encrypted", await Open(byAddress));
        Assert.Equal("clear", await Open(byAddress with { Tls = TlsMode.Off, AllowPublicKeyRetrieval = true }));
        Assert.Equal("encrypted", await Open(byAddress with { Tls = TlsMode.Required }));
        Assert.Equal("encrypted", await Open(byAddress with { Tls = TlsMode.VerifyCa, CaFile = certificates.Authority }));
        Assert.Equal("encrypted", await Open(byName with { Tls = TlsMode.VerifyFull, CaFile = certificates.Authority }));
        Assert.Contains(
            "not issued by a trusted",
            await Fail(byName with { Tls = TlsMode.VerifyCa, CaFile = certificates.Stranger }),
            StringComparison.Ordinal
        );
        Assert.Contains("not issued by a trusted", await Fail(byName with { Tls = TlsMode.VerifyCa }), StringComparison.Ordinal);
        Assert.Contains(
            "does not name the host",
            await Fail(byAddress with { Tls = TlsMode.VerifyFull, CaFile = certificates.Authority }),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "cannot be read",
            await Fail(byName with { Tls = TlsMode.VerifyFull, CaFile = "/nowhere.pem" }),
            StringComparison.Ordinal
        );
    }

    static async Task<string> Open(ConnectionOptions options)
    {
        await using var connection = await ServerConnection.Open(options, TestContext.Current.CancellationToken);
        var cipher = (await connection.Query("SHOW STATUS LIKE 'Ssl_cipher'", TestContext.Current.CancellationToken))[0][1];
        Assert.Equal(connection.IsEncrypted, cipher != "");
        return cipher == "" ? "clear" : "encrypted";
    }

    static async Task<string> Fail(ConnectionOptions options) =>
        (await Assert.ThrowsAsync<TlsFailedException>(() => ServerConnection.Open(options, TestContext.Current.CancellationToken))).Message;
}
