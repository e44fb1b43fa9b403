using System.Net;
using System.Net.Sockets;
using System.Text;
using Millrace.MySql.Binlog;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Tests.Protocol;

/// <summary>A server that says what a test tells it to, for what real servers cannot be made to do.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly Task _conversation;

    public FakeServer(Func<FakeServer, Task> conversation)
    {
        _listener.Start();
        _conversation = Converse(conversation);
    }

    NetworkStream? _stream;
    byte _sequence;

    public ConnectionOptions Options =>
        new()
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)_listener.LocalEndpoint).Port,
            User = "u",
            Password = "p",
            Tls = TlsMode.Off,
        };

    async Task Converse(Func<FakeServer, Task> conversation)
    {
        using var client = await _listener.AcceptTcpClientAsync();
        _stream = client.GetStream();
        await conversation(this);
    }

    public async Task<byte[]> Receive()
    {
        var header = new byte[4];
        await _stream!.ReadExactlyAsync(header);
        _sequence = (byte)(header[3] + 1);
        var payload = new byte[header[0] | header[1] << 8 | header[2] << 16];
        await _stream.ReadExactlyAsync(payload);
        return payload;
    }

    /// <summary>One payload, in as many packets as it needs.</summary>
    public async Task Send(byte[] payload)
    {
        const int most = 0xff_ffff;
        for (var at = 0; at <= payload.Length; at += most)
        {
            var part = Math.Min(most, payload.Length - at);
            await Raw([(byte)part, (byte)(part >> 8), (byte)(part >> 16), _sequence++]);
            await Raw(payload[at..(at + part)]);
            if (part < most)
                break;
        }
    }

    public Task Raw(byte[] bytes) => _stream!.WriteAsync(bytes).AsTask();

    /// <summary>Waits until the other side has hung up.</summary>
    public async Task HeldOpen()
    {
        try
        {
            while (await _stream!.ReadAsync(new byte[100]) > 0) { }
        }
        catch (IOException)
        {
            // Hung up with bytes unread.
        }
    }

    public Task Greet(string plugin = "mysql_native_password") => Send(Greeting(plugin, 0x0008_8200));

    public static byte[] Greeting(string plugin, uint capabilities) =>
        [
            10,
            .. "8.4.0"u8,
            0,
            7,
            0,
            0,
            0,
            .. "12345678"u8,
            0,
            (byte)capabilities,
            (byte)(capabilities >> 8),
            45,
            2,
            0,
            (byte)(capabilities >> 16),
            (byte)(capabilities >> 24),
            21,
            .. new byte[10],
            .. "901234567890"u8,
            0,
            .. Encoding.ASCII.GetBytes(plugin),
            0,
        ];

    public Task Ok() => Send([0, 0, 0, 2, 0, 0, 0]);

    public Task Error(int code, string state, string message) =>
        Send([0xff, (byte)code, (byte)(code >> 8), (byte)'#', .. Encoding.ASCII.GetBytes(state), .. Encoding.UTF8.GetBytes(message)]);

    public async Task Authenticated()
    {
        await Greet();
        await Receive();
        await Ok();
    }

    /// <summary>Up to the dump command: every statement succeeds, and there are no checksums.</summary>
    public async Task Dumping()
    {
        await Authenticated();
        while (true)
        {
            var command = await Receive();
            if (command[0] == 0x12)
                return;
            if (command[0] == 3 && Encoding.UTF8.GetString(command[1..]).StartsWith("SELECT", StringComparison.Ordinal))
            {
                await Send([1]);
                await Send([3, (byte)'d', (byte)'e', (byte)'f']);
                await Send([0xfe, 0, 0, 2, 0]);
                await Send([4, .. "NONE"u8]);
                await Send([0xfe, 0, 0, 2, 0]);
            }
            else
            {
                await Ok();
            }
        }
    }

    public Task SendEvent(byte[] bytes) => Send([0, .. bytes]);

    public async Task<BinlogReader> Dump(TimeSpan? silence = null)
    {
        var connection = await ServerConnection.Open(Options, TestContext.Current.CancellationToken);
        return await ReplicationClient.Start(
            connection,
            new DumpOptions
            {
                ServerId = 99,
                Start = new BinlogStart.At(new BinlogPosition("log.000001", 4)),
                SilenceLimit = silence ?? TimeSpan.FromMinutes(1),
            },
            TestContext.Current.CancellationToken
        );
    }

    public async ValueTask DisposeAsync()
    {
        await _conversation;
        _listener.Dispose();
    }
}
