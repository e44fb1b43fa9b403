using System.IO.Compression;
using System.Text;
using Millrace.MySql.Binlog;
using Millrace.TestServers;

namespace Millrace.MySql.Tests.Binlog;

/// <summary>Files that real servers of several versions wrote.</summary>
public sealed class RecordedBinlogTests
{
    /// <summary>The counts are from a script of ten lines that steps from header to header.</summary>
    [Theory]
    [InlineData(
        "canal51-mysql-bin.000001",
        22920,
        "Query 111, Rotate 1, FormatDescription 1, Xid 89, TableMap 89, WriteRowsV1 10, UpdateRowsV1 78, DeleteRowsV1 1"
    )]
    [InlineData("canal51-mysql-bin.000002", 302, "Query 1, FormatDescription 1, Xid 1, TableMap 1, UpdateRowsV1 1")]
    [InlineData(
        "canal57-mysql-bin.000002",
        4809,
        "Query 16, Stop 1, FormatDescription 1, Xid 1, TableMap 1, WriteRows 1, AnonymousGtid 16, PreviousGtids 1"
    )]
    [InlineData(
        "canal57-mysql-bin.000003",
        14377,
        "Query 33, FormatDescription 1, Xid 21, TableMap 21, WriteRows 21, AnonymousGtid 33, PreviousGtids 1"
    )]
    [InlineData(
        "mysqlcdc-mysql-bin.000001",
        2789,
        "Query 5, FormatDescription 1, Xid 3, TableMap 3, WriteRows 3, AnonymousGtid 5, PreviousGtids 1"
    )]
    [InlineData(
        "osheroff-mysql-bin.checksum-crc32",
        27984,
        "Query 60, Rotate 1, FormatDescription 1, Xid 60, TableMap 60, WriteRows 34, UpdateRows 20, DeleteRows 6, AnonymousGtid 60, PreviousGtids 1"
    )]
    [InlineData(
        "osheroff-mysql-bin.checksum-none",
        37643,
        "Query 40, Stop 1, FormatDescription 1, Xid 36, TableMap 36, WriteRows 34, UpdateRows 2, AnonymousGtid 40, PreviousGtids 1"
    )]
    [InlineData("osheroff-mysql-bin.sakila.gz", 1445714, "Query 54, FormatDescription 1, Xid 15, TableMap 18, WriteRowsV1 1374")]
    public async Task A_recorded_file_is_read_to_its_end(string name, long length, string counts)
    {
        await using var reader = BinlogReader.OfFile(Open(name), name);
        Assert.Equal(counts, await Count(reader));
        Assert.Equal((ulong)length, reader.End.Offset);
    }

    [Fact]
    public async Task An_event_that_may_be_ignored_is_passed_over()
    {
        // Aurora pads its file with events of type 100.
        await using var reader = BinlogReader.OfFile(Open("osheroff-mysql-bin.aurora-padding"), "aurora");
        Assert.Equal("Query 1, FormatDescription 1, AnonymousGtid 1, PreviousGtids 1", await Count(reader));
        Assert.Equal(1294UL, reader.End.Offset);
    }

    [Fact]
    public async Task The_events_of_a_compressed_transaction_come_out_one_by_one()
    {
        await using var reader = BinlogReader.OfFile(Open("osheroff-mysql-bin.compressed"), "zstd");
        Assert.Equal(
            "Query 1, Rotate 1, FormatDescription 1, Xid 1, TableMap 1, UpdateRows 1, AnonymousGtid 1, PreviousGtids 1",
            await Count(reader)
        );
        Assert.Equal(771UL, reader.End.Offset);
    }

    [Fact]
    public async Task Query_and_commit_events_say_what_the_server_wrote()
    {
        await using var reader = BinlogReader.OfFile(Open("mysqlcdc-mysql-bin.000001"), "mysqlcdc");
        var story = new List<string>();
        while (await reader.Read(TestContext.Current.CancellationToken))
        {
            if (reader.Type == BinlogEventType.Query)
            {
                var query = QueryEvent.Read(reader.Body);
                story.Add(Encoding.UTF8.GetString(query.Sql).Split(' ', '\n')[0]);
            }
            else if (reader.Type == BinlogEventType.Xid)
            {
                story.Add("XID");
            }
        }
        Assert.Equal(5, story.Count(s => s != "XID"));
        Assert.Equal(3, story.Count(s => s == "BEGIN"));
        Assert.Equal(3, story.Count(s => s == "XID"));
    }

    [Fact]
    public async Task A_file_that_was_mangled_on_its_way_is_no_binlog()
    {
        // Somebody's tool took this recording for text.
        await using var reader = BinlogReader.OfFile(Open("canal57-mysql-bin.000001"), "mangled");
        var error = await Assert.ThrowsAsync<BinlogException>(async () => await reader.Read(TestContext.Current.CancellationToken));
        Assert.Contains("this is no binlog file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_altered_byte_is_found_by_the_checksum_and_named_by_position()
    {
        var bytes = await File.ReadAllBytesAsync(
            TestData.Path("binlogs/osheroff-mysql-bin.checksum-crc32"),
            TestContext.Current.CancellationToken
        );
        bytes[20_000] ^= 0x40;
        await using var reader = BinlogReader.OfFile(new MemoryStream(bytes), "altered.000007");
        var error = await Assert.ThrowsAsync<BinlogChecksumException>(() => Count(reader));
        Assert.Equal("altered.000007", error.Position.File);
        Assert.InRange(error.Position.Offset, 19_000UL, 20_000UL);
        Assert.Contains("altered.000007:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_ends_inside_an_event_says_where()
    {
        var bytes = await File.ReadAllBytesAsync(
            TestData.Path("binlogs/osheroff-mysql-bin.checksum-none"),
            TestContext.Current.CancellationToken
        );
        await using var reader = BinlogReader.OfFile(new MemoryStream(bytes[..30_001]), "short.000001");
        var error = await Assert.ThrowsAsync<BinlogTruncatedException>(() => Count(reader));
        Assert.Contains("ends inside an event", error.Message, StringComparison.Ordinal);
    }

    static async Task<string> Count(BinlogReader reader)
    {
        var seen = new SortedDictionary<BinlogEventType, int>();
        while (await reader.Read(TestContext.Current.CancellationToken))
            seen[reader.Type] = seen.GetValueOrDefault(reader.Type) + 1;
        return string.Join(", ", seen.Select(s => $"{s.Key} {s.Value}"));
    }

    static Stream Open(string name)
    {
        var file = File.OpenRead(TestData.Path(Path.Combine("binlogs", name)));
        return name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }
}
