namespace Millrace.MySql.Protocol;

/// <summary>How far the connection to the server is encrypted and the server's certificate believed.</summary>
internal enum TlsMode
{
    /// <summary>Never encrypted.</summary>
    Off,

    /// <summary>Encrypted where the server offers it; the certificate is not looked at.</summary>
    Preferred,

    /// <summary>Encrypted or refused; the certificate is not looked at.</summary>
    Required,

    /// <summary>As required, and the certificate must be issued by a trusted authority.</summary>
    VerifyCa,

    /// <summary>As verify-ca, and the certificate must name the host.</summary>
    VerifyFull,
}

/// <summary>Where a server is and who asks.</summary>
internal sealed record ConnectionOptions
{
    public required string Host { get; init; }

    public int Port { get; init; } = 3306;

    public required string User { get; init; }

    public string Password { get; init; } = "";

    public TlsMode Tls { get; init; } = TlsMode.Preferred;

    /// <summary>A PEM file of the authorities to trust in the verify modes; null for those of the operating system.</summary>
    public string? CaFile { get; init; }

    /// <summary>
    /// Whether caching_sha2_password may ask the server for its RSA key over an unencrypted connection. Who can alter the traffic can
    /// then learn the password, so it is off unless asked for.
    /// </summary>
    public bool AllowPublicKeyRetrieval { get; init; }

    /// <summary>The longest wait for the connection and its authentication together.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The name by which the server's process list shows this client (connection attribute program_name).</summary>
    public string ProgramName { get; init; } = "millrace";

    public override string ToString() => $"{User}@{Host}:{Port}";
}
