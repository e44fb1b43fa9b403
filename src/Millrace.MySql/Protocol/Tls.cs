using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Millrace.MySql.Protocol;

/// <summary>Encrypts a connection as far as the options ask.</summary>
internal static class Tls
{
    public static async Task<SslStream> Open(Stream stream, ConnectionOptions options, CancellationToken ct)
    {
        var verdict = "";
        var tls = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            var trusted = LoadAuthorities(options);
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = options.Host,
                    EnabledSslProtocols = SslProtocols.None,
                    RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                        Accepts(options.Tls, trusted, certificate, chain, errors, out verdict),
                },
                ct
            );
            return tls;
        }
        catch (AuthenticationException e)
        {
            await tls.DisposeAsync();
            var todo = options.Tls switch
            {
                TlsMode.VerifyFull or TlsMode.VerifyCa =>
                    "Name the authority that issued the server's certificate (CA file), connect by a name that is in the certificate, or choose a weaker TLS mode.",
                _ => "See the server's error log; its TLS versions and ciphers may not meet those of this machine.",
            };
            throw new TlsFailedException($"{options}: TLS failed: {(verdict.Length > 0 ? verdict : e.Message)}. {todo}", e);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    static X509Certificate2Collection? LoadAuthorities(ConnectionOptions options)
    {
        if (options.CaFile is null || options.Tls < TlsMode.VerifyCa)
            return null;
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(options.CaFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new TlsFailedException(
                $"{options}: the CA file '{options.CaFile}' cannot be read: {e.Message}. It must hold certificates in PEM form.",
                e
            );
        }
        if (authorities.Count == 0)
            throw new TlsFailedException($"{options}: the CA file '{options.CaFile}' holds no certificate in PEM form.");
        return authorities;
    }

    static bool Accepts(
        TlsMode mode,
        X509Certificate2Collection? trusted,
        X509Certificate? certificate,
        X509Chain? chain,
        SslPolicyErrors errors,
        out string verdict
    )
    {
        verdict = "";
        if (mode < TlsMode.VerifyCa)
            return true;
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
        {
            verdict = "the server showed no certificate";
            return false;
        }
        if (trusted is not null)
            errors = Judge(trusted, certificate, chain, errors);
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            verdict = $"the server's certificate ({certificate.Subject}) is not issued by a trusted authority";
        else if (mode == TlsMode.VerifyFull && errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            verdict = $"the server's certificate ({certificate.Subject}) does not name the host";
        return verdict.Length == 0;
    }

    /// <summary>Builds the chain again with the given authorities in place of the system's.</summary>
    static SslPolicyErrors Judge(X509Certificate2Collection trusted, X509Certificate certificate, X509Chain? shown, SslPolicyErrors errors)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        if (shown is not null)
        {
            foreach (var element in shown.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }
        using var leaf = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return chain.Build(leaf)
            ? errors & ~SslPolicyErrors.RemoteCertificateChainErrors
            : errors | SslPolicyErrors.RemoteCertificateChainErrors;
    }
}
