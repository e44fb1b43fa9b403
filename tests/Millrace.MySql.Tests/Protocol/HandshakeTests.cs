using Millrace.MySql.Protocol;

namespace Millrace.MySql.Tests.Protocol;

public sealed class HandshakeTests
{
    static async Task<T> Refused<T>(FakeServer server)
        where T : Exception =>
        await Assert.ThrowsAsync<T>(() => ServerConnection.Open(server.Options, TestContext.Current.CancellationToken));

    [Fact]
    public async Task A_server_that_refuses_the_host_is_quoted()
    {
        await using var server = new FakeServer(s => s.Error(1130, "HY000", "Host '10.0.0.1' is not allowed to connect"));
        var error = await Refused<AccessDeniedException>(server);
        Assert.Contains("Host '10.0.0.1' is not allowed", error.Message, StringComparison.Ordinal);
        Assert.Equal(1130, error.Code);
    }

    [Fact]
    public async Task Something_that_is_no_database_server_is_named_as_such()
    {
        await using var server = new FakeServer(s => s.Send([.. "HTTP/1.1 400 Bad Request\r\n"u8]));
        var error = await Refused<WireFormatException>(server);
        Assert.Contains("this is no MySQL or MariaDB server", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_listening_is_a_clear_error()
    {
        ConnectionOptions options;
        await using (var server = new FakeServer(s => s.Authenticated()))
        {
            options = server.Options;
            await using var connection = await ServerConnection.Open(options, TestContext.Current.CancellationToken);
        }
        var error = await Assert.ThrowsAsync<ConnectFailedException>(() =>
            ServerConnection.Open(options, TestContext.Current.CancellationToken)
        );
        Assert.Contains($"u@127.0.0.1:{options.Port}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_without_TLS_is_refused_when_TLS_is_required()
    {
        await using var server = new FakeServer(s => s.Greet());
        var error = await Assert.ThrowsAsync<TlsFailedException>(() =>
            ServerConnection.Open(server.Options with { Tls = TlsMode.Required }, TestContext.Current.CancellationToken)
        );
        Assert.Contains("does not offer it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clear_text_behind_the_agreement_on_TLS_is_not_believed()
    {
        await using var server = new FakeServer(async s =>
        {
            var greeting = FakeServer.Greeting("mysql_native_password", 0x0008_8a00);
            await s.Raw([(byte)greeting.Length, 0, 0, 0, .. greeting, 7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]);
            await s.HeldOpen();
        });
        await Assert.ThrowsAnyAsync<WireException>(() =>
            ServerConnection.Open(server.Options with { Tls = TlsMode.Required }, TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task The_password_is_not_sent_by_a_method_that_would_show_it()
    {
        await using var server = new FakeServer(async s =>
        {
            await s.Greet();
            await s.Receive();
            await s.Send([0xfe, .. "mysql_clear_password"u8, 0]);
            await s.HeldOpen();
        });
        var error = await Refused<AuthenticationUnsupportedException>(server);
        Assert.Contains("mysql_clear_password", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_whole_password_is_not_sent_in_clear_text_unless_allowed()
    {
        await using var server = new FakeServer(async s =>
        {
            await s.Greet("caching_sha2_password");
            await s.Receive();
            await s.Send([1, 4]);
            await s.HeldOpen();
        });
        var error = await Refused<AuthenticationUnsupportedException>(server);
        Assert.Contains("AllowPublicKeyRetrieval", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_accepts_and_says_nothing_is_given_up()
    {
        await using var server = new FakeServer(s => s.HeldOpen());
        var error = await Assert.ThrowsAsync<ConnectFailedException>(() =>
            ServerConnection.Open(
                server.Options with
                {
                    ConnectTimeout = TimeSpan.FromMilliseconds(100),
                },
                TestContext.Current.CancellationToken
            )
        );
        Assert.Contains("not connected within", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_native_password_is_answered_as_the_servers_manual_says()
    {
        byte[] response = [];
        await using (
            var server = new FakeServer(async s =>
            {
                await s.Greet();
                response = await s.Receive();
                await s.Ok();
            })
        )
        {
            await using var connection = await ServerConnection.Open(server.Options, TestContext.Current.CancellationToken);
        }
        // sha1("p") xor sha1("12345678901234567890" + sha1(sha1("p"))), from Python's hashlib.
        Assert.Contains("14a61f4239ad2dc6a2bf8a8ddfedaa3ccb7e05db40", Convert.ToHexStringLower(response), StringComparison.Ordinal);
    }
}
