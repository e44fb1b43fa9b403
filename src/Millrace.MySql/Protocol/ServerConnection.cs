using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Millrace.MySql.Protocol;

/// <summary>An authenticated connection to a server, with as much of SQL as the set-up of a replication session needs.</summary>
internal sealed class ServerConnection : IAsyncDisposable
{
    const byte ComQuery = 0x03;
    const byte Utf8Mb4 = 45;

    readonly SocketStream _socket;
    SslStream? _tls;

    ServerConnection(SocketStream socket, ConnectionOptions options)
    {
        _socket = socket;
        Options = options;
        Packets = new PacketStream(socket);
    }

    public ConnectionOptions Options { get; }

    public PacketStream Packets { get; }

    public string ServerVersion { get; private set; } = "";

    public bool IsMariaDb { get; private set; }

    public uint ConnectionId { get; private set; }

    /// <summary>Whether TLS is in use.</summary>
    public bool IsEncrypted => _tls is not null;

    /// <summary>Connects and authenticates.</summary>
    /// <exception cref="ConnectFailedException">No server answers in time.</exception>
    /// <exception cref="AccessDeniedException">The server refuses the account.</exception>
    /// <exception cref="TlsFailedException">The TLS mode cannot be had.</exception>
    public static async Task<ServerConnection> Open(ConnectionOptions options, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(options.ConnectTimeout);
        ServerConnection? connection = null;
        try
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(options.Host, options.Port, limit.Token);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                throw new ConnectFailedException(
                    $"{options}: no connection: {e.Message}. Is the server running, and are host and port right?",
                    e
                );
            }
            connection = new ServerConnection(new SocketStream(socket), options);
            await connection.Greet(limit.Token);
            return connection;
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            await Close();
            throw new ConnectFailedException(
                $"{options}: not connected within {options.ConnectTimeout.TotalSeconds:0.#} s: a firewall, a stopped server, or one that has no connection left",
                e
            );
        }
        catch (ConnectionLostException e)
        {
            await Close();
            throw new ConnectFailedException($"{options}: connecting: {e.Message}", e);
        }
        catch
        {
            await Close();
            throw;
        }

        ValueTask Close() => connection?.DisposeAsync() ?? default;
    }

    async Task Greet(CancellationToken ct)
    {
        var greeting = Handshake.Read((await Packets.Read(ct)).Span, $"{Options}: connecting");
        ServerVersion = greeting.ServerVersion;
        IsMariaDb = greeting.IsMariaDb;
        ConnectionId = greeting.ConnectionId;
        const Capabilities needed = Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuthentication;
        if ((greeting.Capabilities & needed) != needed)
            throw new AuthenticationUnsupportedException(
                $"{Options}: the server ({ServerVersion}) is too old; MySQL 5.7 or MariaDB 10.3 and later are supported."
            );

        var flags =
            needed
            | Capabilities.LongPassword
            | Capabilities.LongFlag
            | Capabilities.Transactions
            | (greeting.Capabilities & (Capabilities.ConnectAttributes | Capabilities.PluginAuthenticationLengthEncoded));
        if (Options.Tls != TlsMode.Off && greeting.Capabilities.HasFlag(Capabilities.Ssl))
        {
            flags |= Capabilities.Ssl;
            await Packets.Write(Head(flags).Written, ct);
            _tls = await Tls.Open(_socket, Options, ct);
            Packets.Upgrade(_tls);
        }
        else if (Options.Tls > TlsMode.Preferred)
        {
            throw new TlsFailedException(
                $"{Options}: TLS is required here and the server does not offer it. Give it a certificate (ssl_cert, ssl_key), or choose a weaker TLS mode."
            );
        }

        var plugin = Authenticator.FirstName(greeting.Plugin);
        var response = Head(flags).NullTerminated(Options.User);
        var proof = Authenticator.First(plugin, Options.Password, greeting.Nonce);
        if (flags.HasFlag(Capabilities.PluginAuthenticationLengthEncoded))
            response.LengthEncoded(proof);
        else
            response.U8((byte)proof.Length).Bytes(proof);
        response.NullTerminated(plugin);
        if (flags.HasFlag(Capabilities.ConnectAttributes))
            WriteAttributes(response);
        await Packets.Write(response.Written, ct);
        await Authenticator.Finish(Packets, Options, plugin, greeting.Nonce, IsEncrypted, ct);
    }

    static PayloadWriter Head(Capabilities flags) => new PayloadWriter().U32((uint)flags).U32(1 << 30).U8(Utf8Mb4).Zeros(23);

    void WriteAttributes(PayloadWriter response)
    {
        var attributes = new PayloadWriter();
        foreach (var (name, value) in new[] { ("_client_name", "millrace"), ("program_name", Options.ProgramName) })
            attributes.LengthEncoded(Encoding.UTF8.GetBytes(name)).LengthEncoded(Encoding.UTF8.GetBytes(value));
        response.LengthEncoded(attributes.Written.Span);
    }

    /// <summary>From now on a read that gets no byte for so long fails.</summary>
    public void LimitSilence(TimeSpan deadline) => _socket.LimitSilence(deadline);

    /// <summary>Runs one statement; its rows as text, null for NULL. None for a statement without a result.</summary>
    public async Task<IReadOnlyList<string?[]>> Query(string sql, CancellationToken ct)
    {
        var where = $"{Options}: {sql}";
        Packets.Restart();
        await Packets.Write(new PayloadWriter().U8(ComQuery).Text(sql).Written, ct);
        var first = await Packets.Read(ct);
        switch (first.Span[0])
        {
            case 0x00:
                return [];
            case 0xff:
                throw ServerErrors.Read(first.Span, where);
        }
        var columns = new ByteCursor(first.Span).LengthEncodedInt();
        for (var i = 0; i < columns; i++)
            await Packets.Read(ct);
        Expect(IsEnd((await Packets.Read(ct)).Span), where);
        var rows = new List<string?[]>();
        while (true)
        {
            var packet = await Packets.Read(ct);
            if (packet.Span[0] == 0xff)
                throw ServerErrors.Read(packet.Span, where);
            if (IsEnd(packet.Span))
                return rows;
            rows.Add(Row(packet.Span, columns));
        }
    }

    static bool IsEnd(ReadOnlySpan<byte> packet) => packet[0] == 0xfe && packet.Length < 9;

    static void Expect(bool condition, string where)
    {
        if (!condition)
            throw new WireFormatException($"{where}: the columns of the result do not end where they should");
    }

    static string?[] Row(ReadOnlySpan<byte> packet, int columns)
    {
        var cursor = new ByteCursor(packet);
        var row = new string?[columns];
        for (var i = 0; i < columns; i++)
        {
            if (cursor.Rest[0] == 0xfb)
                cursor.Skip(1);
            else
                row[i] = cursor.Utf8(cursor.LengthEncodedInt());
        }
        return row;
    }

    /// <summary>Sends a command that is answered by OK or an error.</summary>
    public async Task Command(PayloadWriter command, string where, CancellationToken ct)
    {
        Packets.Restart();
        await Packets.Write(command.Written, ct);
        var answer = await Packets.Read(ct);
        if (answer.Span[0] == 0xff)
            throw ServerErrors.Read(answer.Span, where);
    }

    public async ValueTask DisposeAsync()
    {
        // A dump is ended by hanging up, so there is no farewell.
        if (_tls is not null)
            await _tls.DisposeAsync();
        await _socket.DisposeAsync();
        Packets.Dispose();
    }
}
