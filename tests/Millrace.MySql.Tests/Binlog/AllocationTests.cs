using Millrace.MySql.Binlog;

namespace Millrace.MySql.Tests.Binlog;

public sealed class AllocationTests
{
    [Fact]
    public async Task Reading_events_allocates_nothing_for_each()
    {
        using var bytes = new MemoryStream();
        bytes.Write(EventBytes.Magic);
        bytes.Write(EventBytes.FormatDescription(true));
        var rows = EventBytes.Event(30, new byte[300], checksum: true);
        for (var i = 0; i < 20_000; i++)
            bytes.Write(rows);
        bytes.Position = 0;
        await using var reader = BinlogReader.OfFile(bytes, "many");
        for (var i = 0; i < 1000; i++)
            Assert.True(await reader.Read(CancellationToken.None));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var events = 0;
        while (true)
        {
            var next = reader.Read(CancellationToken.None);
            Assert.True(next.IsCompleted, "a stream in memory does not wait");
            if (!await next)
                break;
            events++;
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(19_001, events);
        // Less than a byte an event: what pools and boxes cost once.
        Assert.InRange(allocated, 0, 10_000);
    }
}
