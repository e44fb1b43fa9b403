using Millrace.MySql.Protocol;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Protocol;

/// <summary>Each method against the server that invented it, which judges the answer.</summary>
public sealed class AuthenticationTests
{
    static async Task<string?> Me(ConnectionOptions options)
    {
        await using var connection = await ServerConnection.Open(options, TestContext.Current.CancellationToken);
        return (await connection.Query("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)", TestContext.Current.CancellationToken))[0][0];
    }

    static async Task Refused(ConnectionOptions options)
    {
        var error = await Assert.ThrowsAsync<AccessDeniedException>(() => Me(options));
        Assert.Contains($"{options.User}@{options.Host}:{options.Port}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(options.Password, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mysql_native_password USING PASSWORD('grüße und 7')", "grüße und 7")]
    [InlineData("ed25519 USING PASSWORD('grüße und 7')", "grüße und 7")]
    [InlineData("ed25519 USING PASSWORD('x')", "x")]
    [InlineData(
        "ed25519 USING PASSWORD('a password that is longer than the thirty-two bytes of a key')",
        "a password that is longer than the thirty-two bytes of a key"
    )]
    public async Task MariaDB_accepts(string method, string password)
    {
        var server = await MariaDbServer.SharedAsync();
        if (method.StartsWith("ed25519", StringComparison.Ordinal))
            await server.ExecuteAsync("INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'");
        var options = await server.User($"IDENTIFIED VIA {method}", password, grants: null);
        Assert.Equal(options.User, await Me(options));
        await Refused(options with { Password = "another" });
    }

    [Fact]
    public async Task An_account_without_a_password_needs_none()
    {
        var server = await MariaDbServer.SharedAsync();
        var options = await server.User("", "", grants: null);
        Assert.Equal(options.User, await Me(options));
    }

    [Theory]
    [InlineData("Required", false)]
    [InlineData("Off", true)]
    public async Task MySQL_gets_the_whole_password_once_and_a_scramble_from_then_on(string tls, bool retrieval)
    {
        var server = await MySqlServer.SharedAsync();
        var options = await server.User("IDENTIFIED WITH caching_sha2_password BY 'grüße und 7'", "grüße und 7", grants: null);
        options = options with { Tls = Enum.Parse<TlsMode>(tls), AllowPublicKeyRetrieval = retrieval };
        // The server has never seen this account: the full way.
        Assert.Equal(options.User, await Me(options));
        // Now it remembers, and the scramble is enough even where the password may not be sent.
        Assert.Equal(options.User, await Me(options with { Tls = TlsMode.Off, AllowPublicKeyRetrieval = false }));
        await Refused(options with { Password = "another" });
    }

    [Fact]
    public async Task MySQL_does_not_get_the_whole_password_in_clear_text()
    {
        var server = await MySqlServer.SharedAsync();
        var options = await server.User("IDENTIFIED WITH caching_sha2_password BY 'secret'", "secret", grants: null);
        await Assert.ThrowsAsync<AuthenticationUnsupportedException>(() => Me(options with { Tls = TlsMode.Off }));
    }

    [Theory]
    [InlineData("sha256_password")]
    public async Task A_method_that_is_not_ours_is_named(string method)
    {
        var server = await MySqlServer.SharedAsync();
        if (
            (
                await server.QueryAsync(
                    $"SELECT 1 FROM information_schema.plugins WHERE plugin_name = '{method}' AND plugin_status = 'ACTIVE'"
                )
            ).Count == 0
        )
            Unavailable.Because($"this server has no {method}");
        var options = await server.User($"IDENTIFIED WITH {method} BY 'secret'", "secret", grants: null);
        var error = await Assert.ThrowsAsync<AuthenticationUnsupportedException>(() => Me(options));
        Assert.Contains(method, error.Message, StringComparison.Ordinal);
    }
}
