using System.Text;
using Millrace.MySql.Binlog;
using Millrace.MySql.Protocol;
using Millrace.MySql.Tests.Binlog;

namespace Millrace.MySql.Tests.Protocol;

public sealed class StreamTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_connection_cut_inside_an_event_says_so_and_where()
    {
        await using var server = new FakeServer(async s =>
        {
            await s.Dumping();
            await s.SendEvent(EventBytes.Rotate("log.000001", 4, artificial: true));
            await s.SendEvent(EventBytes.FormatDescription(false, 119));
            await s.Raw([100, 0, 0, 3, 0, 1, 2, 3]);
        });
        await using var reader = await server.Dump();
        Assert.True(await reader.Read(Ct));
        Assert.True(await reader.Read(Ct));
        var error = await Assert.ThrowsAsync<ConnectionLostException>(async () => await reader.Read(Ct));
        Assert.Contains("after log.000001:", error.Message, StringComparison.Ordinal);
        Assert.Contains("inside a packet: 8 of 104 bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silent_server_is_given_up()
    {
        await using var server = new FakeServer(async s =>
        {
            await s.Dumping();
            await s.SendEvent(EventBytes.Rotate("log.000001", 4, artificial: true));
            await s.HeldOpen();
        });
        await using var reader = await server.Dump(TimeSpan.FromMilliseconds(100));
        Assert.True(await reader.Read(Ct));
        var error = await Assert.ThrowsAsync<ConnectionSilentException>(async () => await reader.Read(Ct));
        Assert.Contains("not even a heartbeat", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0xff_ffff - 20)]
    [InlineData(0xff_ffff)]
    [InlineData(40_000_000)]
    public async Task An_event_of_several_packets_comes_in_one_piece(int size)
    {
        var body = new byte[size];
        new Random(1).NextBytes(body);
        await using var server = new FakeServer(async s =>
        {
            await s.Dumping();
            await s.SendEvent(EventBytes.Event(30, body));
            await s.SendEvent(EventBytes.Query("after"));
            await s.Send([0xfe, 0, 0, 2, 0]);
        });
        await using var reader = await server.Dump();
        Assert.True(await reader.Read(Ct));
        Assert.True(reader.Body.SequenceEqual(body));
        Assert.True(await reader.Read(Ct));
        Assert.Equal("after", Encoding.UTF8.GetString(QueryEvent.Read(reader.Body).Sql));
        Assert.False(await reader.Read(Ct));
    }

    [Fact]
    public async Task Positions_go_on_where_the_server_does_not_say_them_and_follow_where_it_leaves_events_out()
    {
        var seen = new List<string>();
        await using var server = new FakeServer(async s =>
        {
            await s.Dumping();
            await s.SendEvent(EventBytes.Rotate("log.000001", 4, artificial: true));
            await s.SendEvent(EventBytes.FormatDescription(false, logPos: 0));
            await s.SendEvent(EventBytes.Query("q"));
            await s.SendEvent(EventBytes.Query("q", logPos: 500));
            // A heartbeat after transactions that were not sent.
            await s.SendEvent(EventBytes.Event(27, [.. "log.000001"u8], logPos: 1000));
            await s.SendEvent(EventBytes.Query("q"));
            // Past 4 GB.
            await s.SendEvent(EventBytes.Query("q", logPos: 100));
            await s.SendEvent(EventBytes.Rotate("log.000002", 4, artificial: false));
            await s.SendEvent(EventBytes.FormatDescription(false, logPos: 127));
            await s.Send([0xfe, 0, 0, 2, 0]);
        });
        await using var reader = await server.Dump();
        while (await reader.Read(Ct))
            seen.Add($"{reader.Start.Offset}-{reader.End}");
        // A query event with "q" has 19 + 13 + 1 + 1 = 34 bytes.
        Assert.Equal(
            [
                "4-log.000001:4",
                "4-log.000001:4",
                "4-log.000001:38",
                "466-log.000001:500",
                "1000-log.000001:1000",
                "1000-log.000001:1034",
                $"{4294967296 + 100 - 34}-log.000001:{4294967296 + 100}",
                "4-log.000002:4",
                "4-log.000002:127",
            ],
            seen
        );
    }

    [Theory]
    [InlineData(1236, "Could not find first log file name in binary log index file", typeof(PositionLostException))]
    [InlineData(1236, "Cannot replicate because the source purged required binary logs.", typeof(PositionLostException))]
    [InlineData(
        1236,
        "A replica with the same server_uuid/server_id as this replica has connected to the source",
        typeof(ServerIdCollisionException)
    )]
    [InlineData(1236, "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on master", typeof(ServerErrorException))]
    [InlineData(1227, "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)", typeof(MissingPrivilegeException))]
    [InlineData(1053, "Server shutdown in progress", typeof(ServerErrorException))]
    public async Task An_error_in_the_stream_has_its_type(int code, string message, Type type)
    {
        await using var server = new FakeServer(async s =>
        {
            await s.Dumping();
            await s.Error(code, "HY000", message);
        });
        await using var reader = await server.Dump();
        var error = await Assert.ThrowsAnyAsync<ServerErrorException>(async () => await reader.Read(Ct));
        Assert.IsType(type, error);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("log.000001:4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_of_an_unknown_type_is_an_error_unless_it_may_be_ignored()
    {
        await using var server = new FakeServer(async s =>
        {
            await s.Dumping();
            await s.SendEvent(EventBytes.Event(99, [1, 2, 3], flags: 0x80));
            await s.SendEvent(EventBytes.Event(98, [1, 2, 3]));
        });
        await using var reader = await server.Dump();
        var error = await Assert.ThrowsAsync<UnsupportedEventException>(async () => await reader.Read(Ct));
        Assert.Contains("event type 98", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_altered_event_from_a_server_is_found_by_its_checksum()
    {
        var altered = EventBytes.Query("q", checksum: true);
        altered[^6] ^= 1;
        await using var server = new FakeServer(async s =>
        {
            await s.Dumping();
            await s.SendEvent(EventBytes.Rotate("log.000003", 4, artificial: true, checksum: true));
            await s.SendEvent(EventBytes.FormatDescription(true, 119));
            await s.SendEvent(EventBytes.Query("q", checksum: true));
            await s.SendEvent(altered);
        });
        await using var reader = await server.Dump();
        Assert.True(await reader.Read(Ct));
        Assert.Equal("log.000003", reader.End.File);
        Assert.True(await reader.Read(Ct));
        Assert.True(await reader.Read(Ct));
        Assert.Equal("q", Encoding.UTF8.GetString(QueryEvent.Read(reader.Body).Sql));
        var error = await Assert.ThrowsAsync<BinlogChecksumException>(async () => await reader.Read(Ct));
        Assert.Equal(reader.End, error.Position);
    }
}
